//! The life of a chain: who wins a football match?

use anyhow::Context as _;
use lineal_data::{Frame, Table as Rows};
use lineal_proto::lineal::{
    inference::v1::{
        Column, PredictRequest, PredictResponse, TextColumn, column::Values,
        prediction_service_client::PredictionServiceClient,
    },
    trainer::v1::{CreateSplitRequest, Split, SplitKind, split_service_client::SplitServiceClient},
};
use lineal_rpc::Peer;

use super::{
    STRETCH,
    chain::Chain,
    stream::{Count, Stream},
    teller::Teller,
};
use crate::cli::{
    error::{CliError, Exit},
    format,
    output::{Style, Table, cell},
};

/// 1,520 matches of four seasons; `data/README.md` says where they come from.
const MATCHES: &str = include_str!("../../../data/matches.csv");
const FIRST: &str = include_str!("first.yaml");
const SECOND: &str = include_str!("second.yaml");
/// Where the matches begin that no model learns from.
const CUT: &str = "2017-01-01";
const HOME: &str = "Tottenham Hotspur";
const AWAY: &str = "Arsenal";
/// Upstream first.
const MEMBERS: [&str; 3] = ["poisson", "blending", "calibration"];
const HEAD: &str = MEMBERS[2];

/// What can be tried afterwards.
pub(super) const NEXT: [&str; 3] =
    ["status", "predict calibration --row home_team=Chelsea,away_team=Everton", "rollback calibration --reason drill"];

/// How to train on rows of one's own.
pub(super) const OWN: &str = "pipeline train-chain FILE --data ROWS";

/// The files that the story is about.
pub(super) fn files() -> Vec<(&'static str, Vec<u8>)> {
    let files = [("matches.csv", MATCHES), ("first.yaml", FIRST), ("second.yaml", SECOND)];
    files.map(|(name, text)| (name, text.as_bytes().to_vec())).to_vec()
}

/// Trains two chains; the second takes over whole while predictions are asked for.
pub(super) async fn tell(teller: &Teller, rate: u32) -> Result<(), CliError> {
    let peer = lineal_rpc::connect(&teller.address, "demo")?;
    let row = Rows::from_csv(format!("home_team,away_team\n{HOME},{AWAY}\n").as_bytes());
    let row = row.map_err(|error| CliError::Server(error.into()))?.to_frame();

    teller.scene("A first chain");
    teller.say(
        "Home win, draw or away win? Three models answer, each with the answers of the one before: poisson learns how well\n\
         teams score and defend, blending turns its goals into three probabilities, calibration corrects them until they\n\
         happen as often as they say.",
    );
    split(&peer).await.map_err(CliError::Server)?;
    let matches = MATCHES.lines().skip(1).count();
    teller
        .say(&format!("{matches} matches of the English Premier League; those from {CUT} on are for measuring only."));
    teller.shows("first.yaml", FIRST);
    teller.types("pipeline train-chain {first.yaml} --data {matches.csv}", Exit::Done).await?;
    let first = champions(teller, &peer, &row).await?;

    teller.scene("A second chain takes over, under load");
    let stream = Stream::start(&teller.address, rate, MEMBERS.map(question).to_vec())?;
    stream.until(head(&first), STRETCH).await?;
    teller.say(&format!(
        "From here on, {rate} predictions a second are asked for, of the three models in turn: {HOME} against {AWAY}."
    ));
    teller.say(
        "To the first chain all matches count alike. The second one forgets: a match weighs 0.2 % less with every day, about\n\
         what Dixon and Coles found in 1997.",
    );
    teller.shows("second.yaml", SECOND);
    teller.types("pipeline train-chain {second.yaml} --data {matches.csv}", Exit::Done).await?;
    teller.say("It beat the champion on the same matches, so all three were replaced at once.");
    let second = champions(teller, &peer, &row).await?;
    stream.until(head(&second), STRETCH).await?;
    let count = stream.stop().await;
    teller.say("How much better it is, and whether that may be chance:");
    teller.types(&format!("compare {HEAD} {} {}", head(&second), head(&first)), Exit::Done).await?;

    teller.scene("One match, and where its forecast comes from");
    let forecasts = forecasts(&peer).await.map_err(CliError::Server)?;
    teller.say(&format!("{HOME} against {AWAY}, by each member of the second chain:"));
    teller.say(&odds(teller.style, &forecasts));
    teller.say(&played());
    let prediction = forecasts.last().and_then(|answer| answer.pedigree.clone()).unwrap_or_default().prediction_id;
    teller.types(&format!("explain {prediction}"), Exit::Done).await?;
    teller.types(&format!("lineage {HEAD} @champion"), Exit::Done).await?;

    teller.scene("In short");
    summary(teller, &count, &[first, second])
}

/// Says which matches are measured on: by day, since tomorrow's results teach nothing about yesterday's.
async fn split(trainer: &Peer) -> anyhow::Result<()> {
    let split = Split {
        dataset: "matches".to_owned(),
        name: "spring-2017".to_owned(),
        kind: SplitKind::Time.into(),
        columns: vec!["date".to_owned()],
        cut_time: format!("{CUT}T00:00:00Z"),
        ..Split::default()
    };
    SplitServiceClient::new(trainer.clone()).create_split(CreateSplitRequest { split: Some(split) }).await?;
    Ok(())
}

/// Shows the chain that serves.
async fn champions(teller: &Teller, registry: &Peer, row: &Frame) -> Result<Chain, CliError> {
    let chain = Chain::of(registry, HEAD, row).await.map_err(CliError::Server)?;
    teller.say(&format!("What serves now, by GetServingTable and GetChain, in generation {}:", chain.generation));
    teller.say(&chain.table(teller.style));
    Ok(chain)
}

/// The number of the last member.
fn head(chain: &Chain) -> u64 {
    chain.members.last().map_or(0, |member| member.number)
}

/// The match, asked of one member.
fn question(model: &str) -> PredictRequest {
    let column = |name: &str, team: &str| Column {
        name: name.to_owned(),
        values: Some(Values::Texts(TextColumn { values: vec![team.to_owned()] })),
    };
    let columns = vec![column("home_team", HOME), column("away_team", AWAY)];
    PredictRequest { model: model.to_owned(), columns, ..PredictRequest::default() }
}

async fn forecasts(inference: &Peer) -> anyhow::Result<Vec<PredictResponse>> {
    let mut client = PredictionServiceClient::new(inference.clone());
    let mut answers = vec![];
    for member in MEMBERS {
        answers.push(client.predict(question(member)).await.context("the match has no forecast")?.into_inner());
    }
    Ok(answers)
}

/// What each member says of the match.
fn odds(style: Style, forecasts: &[PredictResponse]) -> String {
    let mut table = Table::new(style, &["MEMBER", "FORECAST"]);
    for answer in forecasts {
        let member = answer.pedigree.as_ref().map(|known| format!("{} {}", known.model, known.version));
        let share = |(name, score): (&String, &f64)| format!("{name} {:.1} %", 100.0 * score);
        let forecast: Vec<_> = answer.answers.iter().zip(&answer.scores).map(share).collect();
        table.add([cell(member.unwrap_or_default()), cell(forecast.join(", "))]);
    }
    table.render()
}

/// How the match ended. Its day is left out: some days of the data are those it was planned for.
fn played() -> String {
    let ended = MATCHES.lines().find_map(|line| match line.split(',').collect::<Vec<_>>()[..] {
        [day, HOME, AWAY, home, away] if day >= CUT => Some(format!("It ended {home}:{away}.")),
        _ => None,
    });
    ended.unwrap_or_default()
}

/// What the story has shown; an error if it has not.
fn summary(teller: &Teller, count: &Count, chains: &[Chain]) -> Result<(), CliError> {
    let mut table = Table::headless(teller.style);
    for (chain, name) in chains.iter().zip(["first chain", "second chain"]) {
        let members = chain.members.iter().map(|member| format!("{} {}", member.model, member.number));
        let judged = chain.members.last().and_then(|member| member.validation.as_ref());
        let loss = judged.map_or_else(|| "-".to_owned(), |known| format::metric_of(&known.metrics, "log_loss"));
        let members = members.collect::<Vec<_>>().join(", ");
        table.fact(name, format!("{members}: log loss {loss}, generation {}", chain.generation));
    }
    let by_chain = chains.iter().zip(["first", "second"]).map(|(chain, name)| {
        let answers = count.answers.iter().filter(|(answer, _)| answer.generation == chain.generation);
        format!("{} by the {name} chain", answers.map(|(_, times)| times).sum::<u64>())
    });
    let by_chain = by_chain.collect::<Vec<_>>().join(", ");
    let slowest = count.slowest.as_secs_f64() * 1e3;
    table.fact("predictions", format!("{} answered: {by_chain}", count.answered()));
    table.fact("lost", format!("{} failed predictions; the slowest took {slowest:.1} ms", count.failed));
    let mixed = count.answers.iter().filter(|(answer, _)| !chains.iter().any(|chain| chain.gave(answer)));
    let mixed: u64 = mixed.map(|(_, times)| times).sum();
    let whole = chains.iter().all(Chain::is_whole);
    table.fact("mixed", format!("{mixed} answers that are not, to the last bit, what one whole chain says"));
    let integrity = if whole { "no champion uses a version that is not champion" } else { "broken" };
    table.fact("integrity", integrity);
    teller.say(&table.render());
    count.undisturbed()?;
    if mixed > 0 || !whole {
        return Err(CliError::Server(anyhow::anyhow!("members of two chains were mixed")));
    }
    Ok(())
}

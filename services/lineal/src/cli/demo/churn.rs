//! The life of one model: who will leave a phone company?

use lineal_proto::lineal::inference::v1::{Column, NumberColumn, PredictRequest, TextColumn, column::Values};

use super::{STRETCH, stream::Stream, teller::Teller};
use crate::cli::error::{CliError, Exit};

/// 5,000 rows; `data/README.md` says where they come from.
pub(super) const CHURN: &[u8] = include_bytes!("../../../data/churn.csv");

/// What can be tried afterwards.
pub(super) const NEXT: [&str; 3] =
    ["status", "explain churn@champion", "train {churn.csv} --model churn --label churn --set rounds=300"];

/// How to train on rows of one's own.
pub(super) const OWN: &str = "train FILE --model NAME --label COLUMN";

const TRAIN: &str = "train {churn.csv} --model churn --label churn --seed 7";

/// A customer of the churn table.
const NUMBERS: [(&str, f64); 15] = [
    ("account_length", 128.0),
    ("number_vmail_messages", 25.0),
    ("total_day_minutes", 265.1),
    ("total_day_calls", 110.0),
    ("total_day_charge", 45.07),
    ("total_eve_minutes", 197.4),
    ("total_eve_calls", 99.0),
    ("total_eve_charge", 16.78),
    ("total_night_minutes", 244.7),
    ("total_night_calls", 91.0),
    ("total_night_charge", 11.01),
    ("total_intl_minutes", 10.0),
    ("total_intl_calls", 3.0),
    ("total_intl_charge", 2.7),
    ("number_customer_service_calls", 1.0),
];
const TEXTS: [(&str, &str); 4] =
    [("state", "KS"), ("area_code", "area_code_415"), ("international_plan", "no"), ("voice_mail_plan", "yes")];

/// Trains, promotes, refuses, explains and goes back.
pub(super) async fn tell(teller: &Teller, rate: u32) -> Result<(), CliError> {
    teller.scene("A first champion");
    teller.say("5,000 customers of a phone company; 707 left. A logistic regression learns who will leave.");
    teller.types(&format!("{TRAIN} --family logistic_regression"), Exit::Done).await?;
    teller.say("The validator scores it again itself, on rows that training never saw.");
    teller.types("validate churn 1", Exit::Done).await?;
    teller.types("promote churn 1 --reason first", Exit::Done).await?;

    teller.scene("A challenger takes over, under load");
    let stream = Stream::start(&teller.address, rate, vec![customer()])?;
    stream.until(1, STRETCH).await?;
    teller.say(&format!("From here on, {rate} predictions a second are asked for and counted."));
    teller.types(&format!("{TRAIN} --family gradient_boosting"), Exit::Done).await?;
    teller.types("validate churn 2", Exit::Done).await?;
    teller.say("It beat the champion on the same rows. Every replica loads and tries it before the alias moves.");
    teller.types("promote churn 2 --reason better", Exit::Done).await?;
    stream.until(2, STRETCH).await?;
    teller.say(&format!("{STRETCH} answers of version 2 later: {}", stream.count()));

    teller.scene("A worse challenger is refused");
    teller.types(&format!("{TRAIN} --family gradient_boosting --set rounds=1 --set max_depth=1"), Exit::Done).await?;
    teller.types("validate churn 3", Exit::Refused).await?;
    teller.types("promote churn 3", Exit::Refused).await?;

    teller.scene("Where an answer comes from");
    let answer = stream.until(2, 1).await?;
    let pedigree = answer.pedigree.unwrap_or_default();
    teller.types("predict churn --file {churn.csv} --limit 3", Exit::Done).await?;
    teller.types(&format!("explain {}", pedigree.prediction_id), Exit::Done).await?;

    teller.scene("The way back");
    teller.types("rollback churn --reason drill", Exit::Done).await?;
    stream.until(1, STRETCH).await?;
    teller.say("Version 1 answers again. All predictions of the story:");
    let counted = stream.stop().await;
    teller.say(&counted.to_string());
    counted.undisturbed()?;
    teller.types("versions churn", Exit::Done).await?;
    teller.types("audit churn --limit 12", Exit::Done).await
}

fn customer() -> PredictRequest {
    let numbers = NUMBERS.map(|(name, value)| Column {
        name: name.to_owned(),
        values: Some(Values::Numbers(NumberColumn { values: vec![value] })),
    });
    let texts = TEXTS.map(|(name, value)| Column {
        name: name.to_owned(),
        values: Some(Values::Texts(TextColumn { values: vec![value.to_owned()] })),
    });
    let columns = numbers.into_iter().chain(texts).collect();
    PredictRequest { model: "churn".to_owned(), columns, ..PredictRequest::default() }
}

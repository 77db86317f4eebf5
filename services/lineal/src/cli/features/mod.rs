//! `lineal features`

mod words;

use lineal_proto::lineal::trainer::v1::{
    CreateFeatureSetRequest, Feature, FeatureSet, GetFeatureSetRequest, ListFeatureSetsRequest,
    ListFeatureSetsResponse, feature_set_service_client::FeatureSetServiceClient,
};

use super::{
    context::Context,
    error::{CliError, Exit},
    format,
    output::{Style, Table, cell, printable},
    request::PageArgs,
};

/// `lineal features`
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  lineal features create churn v2 --feature tenure:standardize --feature plan:one_hot:most_frequent\n  \
                  lineal features create churn v3 --feature rate=charges:ratio=tenure:0 --feature age:clip=18..90:median\n  \
                  lineal features list churn\n  lineal features show churn v2"
)]
pub(super) struct Args {
    #[command(subcommand)]
    command: FeaturesCommand,
}

#[derive(Debug, clap::Subcommand)]
enum FeaturesCommand {
    /// Give features their name for ever; jobs of the model refer to it with --feature-version
    Create(CreateArgs),
    /// List the feature sets of a model by name, those that jobs inferred included
    List {
        /// The model
        model: String,
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show one feature set
    Show {
        /// The model
        model: String,
        /// The set's name
        name: String,
    },
}

#[derive(Debug, clap::Args)]
struct CreateArgs {
    /// The model
    model: String,
    /// The set's name
    name: String,
    /// A column, how it becomes numbers (as_is, standardize, log, clip=LOW..HIGH, buckets=N, ratio=COLUMN; of texts one_hot,
    /// date_parts) and what a missing value becomes (mean, median, most_frequent, unknown, reject or a number); can be given many times
    #[arg(long, value_name = "[NAME=]COLUMN:TRANSFORM[:MISSING]", value_parser = words::feature, required = true)]
    feature: Vec<Feature>,
}

impl From<CreateArgs> for FeatureSet {
    fn from(args: CreateArgs) -> Self {
        Self { model: args.model, name: args.name, features: args.feature, ..Self::default() }
    }
}

/// Names feature sets, and shows them.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    match args.command {
        FeaturesCommand::Create(args) => create(args, ctx).await,
        FeaturesCommand::List { model, page } => list(model, page, ctx).await,
        FeaturesCommand::Show { model, name } => show(model, name, ctx).await,
    }
}

async fn create(args: CreateArgs, ctx: &Context) -> Result<Exit, CliError> {
    let request = CreateFeatureSetRequest { feature_set: Some(args.into()) };
    let answer = ctx.trainer.call(FeatureSetServiceClient::new(ctx.trainer.peer()).create_feature_set(request)).await?;
    let set = ctx.trainer.present(answer.feature_set, "feature_set")?;
    ctx.output.print(&set, |style| {
        let next = format!("next: lineal train FILE --model {} --feature-version {}\n", set.model, set.name);
        render(&set, style) + &next
    })?;
    Ok(Exit::Done)
}

async fn list(model: String, page: PageArgs, ctx: &Context) -> Result<Exit, CliError> {
    let request = ListFeatureSetsRequest { model, page_size: page.limit, page_token: page.page_token };
    let answer = ctx.trainer.call(FeatureSetServiceClient::new(ctx.trainer.peer()).list_feature_sets(request)).await?;
    ctx.output.print(&answer, |style| table(&answer, style))?;
    Ok(Exit::Done)
}

async fn show(model: String, name: String, ctx: &Context) -> Result<Exit, CliError> {
    let request = GetFeatureSetRequest { model, name };
    let answer = ctx.trainer.call(FeatureSetServiceClient::new(ctx.trainer.peer()).get_feature_set(request)).await?;
    let set = ctx.trainer.present(answer.feature_set, "feature_set")?;
    ctx.output.print(&set, |style| render(&set, style))?;
    Ok(Exit::Done)
}

fn render(set: &FeatureSet, style: Style) -> String {
    let mut facts = Table::headless(style);
    facts.fact("model", &set.model);
    facts.fact("features", &set.name);
    facts.fact("created", created(set));
    facts.fact("digest", &set.digest);
    let mut table = Table::new(style, &["FEATURE", "COLUMN", "TRANSFORM", "MISSING"]);
    for feature in &set.features {
        table.add([
            cell(printable(&feature.name)),
            cell(printable(&feature.source)),
            cell(printable(&words::transform(feature))),
            cell(words::missing(feature)),
        ]);
    }
    facts.render() + "\n" + &table.render()
}

fn created(set: &FeatureSet) -> String {
    let time = format::time(set.create_time.as_ref());
    if set.actor.is_empty() {
        format!("{time} by a job, from its columns")
    } else {
        format!("{time} by {}", printable(&set.actor))
    }
}

fn table(answer: &ListFeatureSetsResponse, style: Style) -> String {
    let mut table = Table::new(style, &["FEATURES", "COUNT", "CREATED", "DIGEST"]);
    for set in &answer.feature_sets {
        let digest = format::digest(&set.digest);
        table.add([cell(&set.name), cell(set.features.len()), cell(created(set)), cell(digest)]);
    }
    table.render() + &format::more(&answer.next_page_token)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use lineal_proto::pbjson_types;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn set(words: &str) -> FeatureSet {
        let line = Line::try_parse_from(["features"].into_iter().chain(words.split(' '))).unwrap();
        let FeaturesCommand::Create(args) = line.args.command else { panic!("{words} creates") };
        args.into()
    }

    #[test]
    fn a_set_is_shown_as_it_was_typed() {
        let mut shown = set("create churn v2 --feature tenure:standardize --feature rate=charges:ratio=tenure:0");
        shown.digest = "sha256:0a".to_owned();
        shown.actor = "ada".to_owned();
        shown.create_time = Some(pbjson_types::Timestamp { seconds: 1_736_951_422, nanos: 0 });
        assert_eq!(
            render(&shown, Style::default()),
            "model     churn\n\
             features  v2\n\
             created   2025-01-15T14:30:22Z by ada\n\
             digest    sha256:0a\n\
             \n\
             FEATURE  COLUMN   TRANSFORM     MISSING\n\
             tenure   tenure   standardize   mean\n\
             rate     charges  ratio=tenure  0\n"
        );
        assert!(Line::try_parse_from(["features", "create", "churn", "v2"]).is_err());
        assert!(Line::try_parse_from(["features", "create", "churn", "v2", "--feature", "tenure"]).is_err());
    }
}

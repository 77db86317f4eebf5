//! `lineal ensemble`

use std::path::PathBuf;

use lineal_data::{Frame, Snapshot, Table};
use lineal_kernel::Slot;
use lineal_models::{
    Bundle, EnsembleMember, EnsembleParts, EnsembleRule, LibrarySearch, SplitReference, find_onnxruntime,
};
use lineal_proto::lineal::registry::v1::{CreateVersionRequest, DatasetReference, Lineage, Version, VersionReference};

use super::{
    bundle,
    context::Context,
    error::{CliError, Exit},
    parse,
    registration::Registration,
    request::{ChangeArgs, resolve_reference},
};

/// The family of all ensembles.
const FAMILY: &str = "ensemble";

/// `lineal ensemble`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal ensemble churn churn/1 churn/2=2 churn-trees@champion --rule renormalise")]
pub(super) struct Args {
    /// The registered model that gets the new version
    model: String,
    /// Two or more versions, each as MODEL/NUMBER or MODEL@ALIAS, with =WEIGHT for another weight than 1
    #[arg(required = true, num_args = 2.., value_name = "VERSION[=WEIGHT]", value_parser = weighed)]
    members: Vec<(String, f64)>,
    /// What happens when a member cannot answer
    #[arg(long, value_enum, default_value_t)]
    rule: Rule,
    /// Rows with the columns of all members and the label, a CSV file with a header: the reference set that the version is judged on
    /// [default: the one that the members share]
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    /// What people should know
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    description: String,
    #[command(flatten)]
    change: ChangeArgs,
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Rule {
    /// Nobody answers
    #[default]
    Fail,
    /// The others do, their weights raised in proportion
    Renormalise,
}

impl From<Rule> for EnsembleRule {
    fn from(rule: Rule) -> Self {
        match rule {
            Rule::Fail => Self::Fail,
            Rule::Renormalise => Self::Renormalise,
        }
    }
}

/// Versions as they were found, and their bundles.
struct Found {
    versions: Vec<Version>,
    members: Vec<EnsembleMember>,
}

/// Packs the versions as an ensemble and makes it a version.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    // The environment is read before other threads do anything with it.
    find_onnxruntime(LibrarySearch::in_environment(|name| std::env::var_os(name)));
    let found = find(&args, ctx).await?;
    let sample = match &args.signature {
        Some(path) => Some(sample(path)?),
        None => None,
    };
    let (rows, reference) = match &sample {
        Some((rows, snapshot)) => (rows.clone(), snapshot.digest),
        None => (golden_rows(&found.members)?, shared(&found.members)?.reference),
    };
    let split = SplitReference { reference, ..found.members[0].bundle.manifest().split.clone() };
    let parts = EnsembleParts { members: &found.members, rule: args.rule.into(), split, rows: &rows };
    let bundle = Bundle::build_ensemble(&parts).map_err(|error| CliError::usage(parse::reason(&error)))?;
    let version = send(ctx, &args, &found, &bundle, sample.map(|(_, snapshot)| snapshot)).await?;
    ctx.output.print(&version, |_| {
        let weights = args.members.iter().zip(&found.members);
        let members: Vec<_> = weights.map(|((_, weight), member)| format!("{}={weight}", member.name)).collect();
        format!("made {}/{} of {}\n", version.model, version.number, members.join(" "))
    })?;
    Ok(Exit::Done)
}

/// `version=weight`, the weight 1 if none is given.
fn weighed(text: &str) -> Result<(String, f64), String> {
    let Some((version, weight)) = text.split_once('=') else { return Ok((text.to_owned(), 1.0)) };
    let weight: Option<f64> = weight.parse().ok().filter(|weight: &f64| weight.is_finite() && *weight > 0.0);
    let weight = weight.ok_or_else(|| format!("expected a weight more than 0 like {version}=0.5, found `{text}`"))?;
    Ok((version.to_owned(), weight))
}

async fn find(args: &Args, ctx: &Context) -> Result<Found, CliError> {
    let (mut versions, mut members) = (Vec::new(), Vec::new());
    for (reference, weight) in &args.members {
        let version = resolve_reference(ctx, reference.clone(), &Slot::default()).await?;
        let (bundle, upstreams) = bundle::assemble(ctx, &version).await?;
        let name = format!("{}/{}", version.model, version.number);
        members.push(EnsembleMember { name, weight: *weight, bundle, upstreams });
        versions.push(version);
    }
    Ok(Found { versions, members })
}

fn sample(path: &PathBuf) -> Result<(Frame, Snapshot), CliError> {
    let wrong = |problem: String| CliError::usage(format!("{}: {problem}", path.display()));
    let content = std::fs::read(path).map_err(|source| CliError::File { path: path.display().to_string(), source })?;
    let table = Table::from_csv(&content).map_err(|error| wrong(error.to_string()))?;
    let snapshot = Snapshot::of(&table).map_err(|error| wrong(error.to_string()))?;
    Ok((table.to_frame(), snapshot))
}

/// Rows with the columns of all members, which one of them keeps.
fn golden_rows(members: &[EnsembleMember]) -> Result<Frame, CliError> {
    let inputs = || members.iter().flat_map(|member| &member.bundle.manifest().signature.inputs);
    for member in members {
        let rows = member.bundle.golden_rows().map_err(|error| CliError::usage(error.to_string()))?;
        if inputs().all(|input| rows.column(&input.name).is_some()) {
            return Ok(rows);
        }
    }
    Err(CliError::usage("no member has the columns of all of them, give rows with them as --signature"))
}

/// The split whose reference rows no member has learned from.
fn shared(members: &[EnsembleMember]) -> Result<&SplitReference, CliError> {
    let split = &members[0].bundle.manifest().split;
    match members.iter().find(|member| member.bundle.manifest().split.reference != split.reference) {
        None => Ok(split),
        Some(member) => Err(CliError::usage(format!(
            "{} was measured on other rows than {}, which it may have learned from; give rows that no member has seen as --signature",
            member.name, members[0].name
        ))),
    }
}

async fn send(
    ctx: &Context,
    args: &Args,
    found: &Found,
    bundle: &Bundle,
    sample: Option<Snapshot>,
) -> Result<Version, CliError> {
    let first = found.versions[0].lineage.clone().unwrap_or_default();
    let reference = |version: &Version| VersionReference { model: version.model.clone(), number: version.number };
    let version = CreateVersionRequest {
        model: args.model.clone(),
        family: FAMILY.to_owned(),
        lineage: Some(Lineage {
            code_version: format!("lineal {}", env!("CARGO_PKG_VERSION")),
            dataset: first.dataset,
            split_version: first.split_version,
            feature_version: FAMILY.to_owned(),
            model_version: FAMILY.to_owned(),
            validation_rows: sample.as_ref().map_or(first.validation_rows, |sample| sample.rows as u64),
            ..Lineage::default()
        }),
        description: args.description.clone(),
        upstreams: found.versions.iter().map(reference).collect(),
        request_id: args.change.request_id(),
        ..CreateVersionRequest::default()
    };
    let weights = args.members.iter().zip(&found.members);
    let weights: Vec<_> = weights.map(|((_, weight), member)| format!("{}={weight}", member.name)).collect();
    let rule = format!("{:?}", args.rule).to_lowercase();
    let datasets = sample.iter().map(|sample| DatasetReference {
        name: args.model.clone(),
        role: "reference".to_owned(),
        digest: sample.digest.to_string(),
        rows: sample.rows as u64,
        ..DatasetReference::default()
    });
    let registration = Registration {
        bundle,
        files: sample.iter().map(|sample| sample.bytes.clone()).collect(),
        version,
        tag: FAMILY,
        parameters: vec![("members", weights.join(" ")), ("rule", rule)],
        datasets: datasets.collect(),
    };
    registration.send(ctx).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_may_have_a_weight() {
        assert_eq!(weighed("churn/3"), Ok(("churn/3".to_owned(), 1.0)));
        assert_eq!(weighed("churn@champion=0.25"), Ok(("churn@champion".to_owned(), 0.25)));
        for wrong in ["churn/3=", "churn/3=0", "churn/3=-1", "churn/3=nan", "churn/3=inf", "churn/3=half"] {
            assert!(weighed(wrong).is_err(), "{wrong}");
        }
    }
}

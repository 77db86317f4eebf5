//! `lineal download`

use std::{collections::BTreeMap, fs, io, path::Path};

use bytes::Bytes;
use lineal_rpc::signatures;
use lineal_signing::FILE;
use serde::Serialize;

use super::{
    bundle::Found,
    context::Context,
    error::{CliError, Exit},
    request::SlotArgs,
};

/// `lineal download`
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  lineal download churn 3 churn-3\n  model_signing verify key churn-3 --signature churn-3/model.sig --public_key signing.pub"
)]
pub(super) struct Args {
    /// The model
    model: String,
    /// A number, a label or @alias
    version: String,
    /// Where to; the folder is made, and must not be there yet
    folder: String,
    #[command(flatten)]
    slot: SlotArgs,
}

/// What was written, for programs.
#[derive(Serialize)]
struct Downloaded {
    digest: String,
    files: usize,
    signed: bool,
}

/// Writes the files of a version and its latest signature as `model.sig`, the form in which OpenSSF's tools take a signed model.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    let found = Found::fetch(ctx, &args.model, &args.version, &args.slot.slot).await?;
    let (name, digest) = (found.name(), found.bundle.digest());
    let signatures = signatures::list(&ctx.registry.peer(), digest).await;
    let signatures = signatures.map_err(|status| ctx.registry.failed(status))?;
    let moment = |time: &pbjson_types::Timestamp| (time.seconds, time.nanos);
    let latest = signatures.into_iter().max_by_key(|signature| signature.create_time.as_ref().map(moment));
    let mut files = found.files(ctx).await?;
    let signed = latest.is_some();
    files.extend(latest.map(|signature| (FILE.to_owned(), signature.envelope.into())));
    let failed = |error: io::Error| CliError::usage(format!("cannot write to `{}`: {error}", args.folder));
    write(Path::new(&args.folder), &files).map_err(failed)?;
    let told = format!("{name} is in `{}`{}", args.folder, if signed { ", signed" } else { ", not signed" });
    let answer = Downloaded { digest: digest.to_string(), files: files.len(), signed };
    ctx.output.print(&answer, |style| format!("{}\n", style.heading(&told)))?;
    Ok(Exit::Done)
}

fn write(folder: &Path, files: &BTreeMap<String, Bytes>) -> io::Result<()> {
    fs::create_dir(folder)?;
    files.iter().try_for_each(|(name, content)| fs::write(folder.join(name), content))
}

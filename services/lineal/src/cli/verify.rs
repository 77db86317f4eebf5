//! `lineal verify`

use std::{fs, io, path::Path};

use lineal_bundles::Source as _;
use lineal_kernel::{Digest, Hasher};
use lineal_signing::{FILE, Files, MAX_BYTES, Policy, PublicKey};
use serde::Serialize;

use super::{
    bundle::{self, Found},
    context::Context,
    error::{CliError, Exit},
    request::SlotArgs,
};

/// `lineal verify`
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  lineal verify churn 3 --key signing.pub\n  lineal verify --folder churn-3 --key signing.pub"
)]
pub(super) struct Args {
    /// The model
    #[arg(required_unless_present = "folder", requires = "version")]
    model: Option<String>,
    /// A number, a label or @alias
    version: Option<String>,
    /// A folder that `lineal download` wrote, in place of a version; no service is asked
    #[arg(long, value_name = "FOLDER", conflicts_with = "model")]
    folder: Option<String>,
    /// Public key that must have signed it: ECDSA P-256 in PEM. Of several, one is enough
    #[arg(long, value_name = "FILE", required = true)]
    key: Vec<String>,
    #[command(flatten)]
    slot: SlotArgs,
}

/// What was checked, for programs.
#[derive(Serialize)]
struct Verified {
    digest: Digest,
    files: usize,
}

/// Checks that one of the keys signed every byte.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    let keys = args.key.iter().map(|path| bundle::key(path, PublicKey::from_pem));
    let policy = Policy::new(keys.collect::<Result<Vec<_>, _>>()?, true);
    let (bundle, files, found) = match (&args.folder, &args.model, &args.version) {
        (Some(folder), ..) => {
            let failed = |source: io::Error| CliError::File { path: folder.clone(), source };
            let (files, signature) = in_folder(Path::new(folder)).map_err(failed)?;
            (format!("the bundle in `{folder}`"), files, signature.into_iter().collect())
        }
        (None, Some(model), Some(version)) => stored(ctx, model, version, &args.slot).await?,
        _ => return Err(CliError::usage("name a model and a version, or --folder")),
    };
    policy.admit(&files, &found).map_err(|refusal| CliError::Untrusted { bundle: bundle.clone(), refusal })?;
    let digest = files.get("manifest.json").copied();
    let digest = digest.ok_or_else(|| CliError::usage(format!("{bundle} has no manifest.json")))?;
    let told = format!("{bundle} is signed, every byte of its {} files", files.len());
    ctx.output.print(&Verified { digest, files: files.len() }, |style| format!("{}\n", style.heading(&told)))?;
    Ok(Exit::Done)
}

/// A version in the registry, each of whose files was fetched and has its digest.
async fn stored(
    ctx: &Context,
    model: &str,
    version: &str,
    slot: &SlotArgs,
) -> Result<(String, Files, Vec<String>), CliError> {
    let found = Found::fetch(ctx, model, version, &slot.slot).await?;
    let signatures = ctx.registry.peer().signatures(found.bundle.digest()).await;
    let signatures = signatures.map_err(|status| ctx.registry.failed(status))?;
    let (name, to_sign) = (found.name(), found.bundle.to_sign());
    found.files(ctx).await?;
    Ok((name, to_sign, signatures))
}

/// The digest of every file in a folder, and its signature, if it has one.
fn in_folder(folder: &Path) -> io::Result<(Files, Option<String>)> {
    let (mut files, mut signature) = (Files::new(), None);
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == FILE {
            if entry.metadata()?.len() > MAX_BYTES as u64 {
                return Err(io::Error::other(format!("`{FILE}` has more than {MAX_BYTES} bytes")));
            }
            signature = Some(fs::read_to_string(entry.path())?);
        } else {
            let mut hasher = Sum(Hasher::default());
            io::copy(&mut fs::File::open(entry.path())?, &mut hasher)?;
            files.insert(name, hasher.0.finish());
        }
    }
    Ok((files, signature))
}

/// Where bytes go to be summed up.
struct Sum(Hasher);

impl io::Write for Sum {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.0.update(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

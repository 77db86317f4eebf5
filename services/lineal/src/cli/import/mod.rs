//! `lineal import`

mod graph;
mod pack;
mod send;
mod source;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use lineal_data::Table;
use lineal_models::{LibrarySearch, find_onnxruntime};

use super::{
    context::Context,
    error::{CliError, Exit},
    format,
    request::ChangeArgs,
};
use pack::Packed;
use source::Source;

/// Largest file that is read, in bytes: no model and no sample is larger.
const MAX_FILE: u64 = 256 << 20;

/// `lineal import`
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  lineal import model.txt --model churn --signature sample.csv --label churn --classes no,yes"
)]
pub(super) struct Args {
    /// The model: LightGBM's text, XGBoost's JSON or UBJ, or an ONNX graph; never a pickle
    file: PathBuf,
    /// The registered model that gets the new version
    #[arg(long, value_name = "NAME")]
    model: String,
    /// Who wrote the file [default: what its content says]
    #[arg(long, value_enum)]
    family: Option<Family>,
    /// Rows with the model's columns, a CSV file with a header; with the label it becomes the reference set that the version
    /// is judged on [default: rows made up from the model]
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    /// The column that holds the truth
    #[arg(long, value_name = "COLUMN", default_value = "label")]
    label: String,
    /// Names of classes 0, 1 and so on [default: their numbers]
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',')]
    classes: Vec<String>,
    /// What people should know
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    description: String,
    #[command(flatten)]
    change: ChangeArgs,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Family {
    Lightgbm,
    Xgboost,
    Onnx,
}

/// Reads the file, packs it as a bundle and makes it a version.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    let source = read(&args.file)?;
    let model = Source::read(&args.file, &source)?;
    args.check_family(&model)?;
    let sample = match &args.signature {
        Some(path) => Some(Table::from_csv(&read(path)?).map_err(|error| wrong(path, error))?),
        None => None,
    };
    let packed = match &model {
        Source::Trees(foreign) => Packed::trees(&args, foreign, &source, sample)?,
        Source::Graph(graph) => {
            find_onnxruntime(LibrarySearch::in_environment(|name| std::env::var_os(name)));
            Packed::graph(&args, graph, &source, sample)?
        }
    };
    let version = send::send(ctx, &args, &model, source, packed).await?;
    ctx.output.print(&version, |_| {
        format!(
            "imported {}/{} from {}: {} {}, {}, {} features\n",
            version.model,
            version.number,
            args.file.display(),
            model.family(),
            model.version(),
            model.objective(),
            model.features()
        )
    })?;
    Ok(Exit::Done)
}

impl Args {
    fn check_family(&self, found: &Source) -> Result<(), CliError> {
        let asked = self.family.map(|family| match family {
            Family::Lightgbm => "lightgbm",
            Family::Xgboost => "xgboost",
            Family::Onnx => "onnx",
        });
        if asked.is_some_and(|asked| asked != found.family()) {
            return Err(CliError::usage(format!("{} was written by {}", self.file.display(), found.family())));
        }
        Ok(())
    }

    /// The file's name without its folder and extension.
    fn stem(&self) -> String {
        self.file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }
}

fn wrong(path: &Path, problem: impl std::fmt::Display) -> CliError {
    CliError::usage(format!("{}: {problem}", path.display()))
}

fn read(path: &Path) -> Result<Bytes, CliError> {
    let failed = |source: io::Error| CliError::File { path: path.display().to_string(), source };
    let size = fs::metadata(path).map_err(failed)?.len();
    if size > MAX_FILE {
        return Err(wrong(path, format!("it has {}, more than {}", format::size(size), format::size(MAX_FILE))));
    }
    Ok(fs::read(path).map_err(failed)?.into())
}

//! `lineal settings`

use std::path::{Path, PathBuf};

use lineal_proto::lineal::registry::v1::{
    ApplySettingsRequest, ApplySettingsResponse, GetSettingsRequest, ListSettingsRequest, ListSettingsResponse,
    Settings, settings_service_client::SettingsServiceClient,
};

use super::{
    context::Context,
    error::{CliError, Exit},
    format,
    output::{Style, Table, cell, printable},
    request::{ChangeArgs, PageArgs},
};

/// `lineal settings`
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  lineal settings apply churn.toml\n  lineal settings show churn\n  lineal settings history churn"
)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Make a file the newest settings of the model that it names
    Apply(ApplyArgs),
    /// Show the newest settings of a model, or earlier ones
    Show(ShowArgs),
    /// List who applied which file, newest first
    History {
        /// The model
        model: String,
        #[command(flatten)]
        page: PageArgs,
    },
}

#[derive(Debug, clap::Args)]
struct ApplyArgs {
    /// The file, in TOML
    file: PathBuf,
    /// Apply it only if the newest revision still has this etag
    #[arg(long, default_value = "", hide_default_value = true)]
    etag: String,
    #[command(flatten)]
    change: ChangeArgs,
}

#[derive(Debug, clap::Args)]
struct ShowArgs {
    /// The model
    model: String,
    /// The revision with this number [default: the newest]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    revision: u64,
    /// The revision with this digest, as a run or a report names it
    #[arg(long, value_name = "DIGEST", default_value = "", hide_default_value = true, conflicts_with = "revision")]
    digest: String,
}

/// Which settings fill what no flag says.
#[derive(Debug, clap::Args)]
pub(super) struct SettingsArgs {
    /// Apply this file as the model's settings first, and take from it what no flag says
    #[arg(long, value_name = "FILE", conflicts_with = "use_settings")]
    settings: Option<PathBuf>,
    /// Take from the model's newest settings what no flag says
    #[arg(long)]
    use_settings: bool,
}

impl SettingsArgs {
    /// These very settings, whatever is applied meanwhile; `None` if flags say everything.
    pub(super) async fn fetch(
        &self,
        ctx: &Context,
        model: Option<&str>,
        request_id: &str,
    ) -> Result<Option<Settings>, CliError> {
        let model = model.unwrap_or_default();
        if let Some(file) = &self.settings {
            let applied = apply(ctx, file, model, String::new(), request_id.to_owned()).await?;
            return ctx.registry.present(applied.settings, "settings").map(Some);
        }
        if !self.use_settings {
            return Ok(None);
        }
        get(ctx, GetSettingsRequest { model: model.to_owned(), ..GetSettingsRequest::default() }).await.map(Some)
    }
}

/// Applies settings, and shows them.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    match args.command {
        Command::Apply(args) => {
            let answer = apply(ctx, &args.file, "", args.etag, args.change.request_id()).await?;
            let settings = ctx.registry.present(answer.settings.as_ref(), "settings")?;
            ctx.output.print(&answer, |style| render_applied(settings, answer.created, style))?;
        }
        Command::Show(ShowArgs { model, revision, digest }) => {
            let settings = get(ctx, GetSettingsRequest { model, revision, digest }).await?;
            ctx.output.print(&settings, |style| render(&settings, style))?;
        }
        Command::History { model, page } => {
            let request = ListSettingsRequest { model, page_size: page.limit, page_token: page.page_token };
            let answer =
                ctx.registry.call(SettingsServiceClient::new(ctx.registry.peer()).list_settings(request)).await?;
            ctx.output.print(&answer, |style| render_history(&answer, style))?;
        }
    }
    Ok(Exit::Done)
}

/// Makes a file the newest settings of `model`, or of the one that it names.
async fn apply(
    ctx: &Context,
    file: &Path,
    model: &str,
    etag: String,
    request_id: String,
) -> Result<ApplySettingsResponse, CliError> {
    let path = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|source| CliError::File { path, source })?;
    let request = ApplySettingsRequest { model: model.to_owned(), text, etag, request_id: request_id.clone() };
    let answer = ctx.registry.call(SettingsServiceClient::new(ctx.registry.peer()).apply_settings(request)).await;
    answer.map_err(|error| error.of_request(&request_id))
}

/// One revision.
async fn get(ctx: &Context, request: GetSettingsRequest) -> Result<Settings, CliError> {
    let model = request.model.clone();
    let answer = ctx.registry.call(SettingsServiceClient::new(ctx.registry.peer()).get_settings(request)).await;
    ctx.registry.present(answer.map_err(|error| error.about(&model, ""))?.settings, "settings")
}

fn facts(settings: &Settings, style: Style) -> String {
    let mut facts = Table::headless(style);
    facts.fact("model", &settings.model);
    facts.fact("revision", settings.revision.to_string());
    facts.fact("digest", &settings.digest);
    facts.fact("applied", format!("{} by {}", format::time(settings.create_time.as_ref()), settings.actor));
    facts.render()
}

fn render_applied(settings: &Settings, created: bool, style: Style) -> String {
    let note = if created { "" } else { "these bytes are the newest settings already; nothing changed\n" };
    format!("{}{note}next: lineal train FILE --model {} --use-settings\n", facts(settings, style), settings.model)
}

fn render(settings: &Settings, style: Style) -> String {
    let file: String = settings.text.lines().map(|line| printable(line) + "\n").collect();
    format!("{}\n{file}", facts(settings, style))
}

fn render_history(answer: &ListSettingsResponse, style: Style) -> String {
    let mut table = Table::new(style, &["REVISION", "DIGEST", "APPLIED", "BY"]);
    for settings in &answer.settings {
        table.add([
            cell(settings.revision),
            cell(format::digest(&settings.digest)),
            cell(format::time(settings.create_time.as_ref())),
            cell(&settings.actor),
        ]);
    }
    table.render() + &format::more(&answer.next_page_token)
}

#[cfg(test)]
mod tests {
    use lineal_proto::pbjson_types;

    use super::*;

    fn settings() -> Settings {
        Settings {
            model: "churn".to_owned(),
            revision: 2,
            digest: "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".to_owned(),
            text: "model = \"churn\"\n[validation.limits]\nauc = 0.8\u{1b}[31m\n".to_owned(),
            actor: "ada".to_owned(),
            create_time: Some(pbjson_types::Timestamp { seconds: 1_736_951_422, nanos: 0 }),
            ..Settings::default()
        }
    }

    #[test]
    fn a_file_is_shown_as_it_was_applied_and_steers_no_terminal() {
        // F88
        assert_eq!(
            render(&settings(), Style::default()),
            "model     churn\n\
             revision  2\n\
             digest    sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n\
             applied   2025-01-15T14:30:22Z by ada\n\
             \n\
             model = \"churn\"\n\
             [validation.limits]\n\
             auc = 0.8 [31m\n"
        );
        let again = render_applied(&settings(), false, Style::default());
        assert!(again.contains("nothing changed\nnext: lineal train FILE --model churn --use-settings\n"), "{again}");
    }

    #[test]
    fn history_is_one_line_each() {
        // F88
        let answer = ListSettingsResponse { settings: vec![settings()], next_page_token: String::new() };
        assert_eq!(
            render_history(&answer, Style::default()),
            "REVISION  DIGEST        APPLIED               BY\n\
             2         e3b0c44298fc  2025-01-15T14:30:22Z  ada\n"
        );
    }
}

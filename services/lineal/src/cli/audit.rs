//! `lineal audit`

use std::io::{self, Write};

use lineal_kernel::Timestamp;
use lineal_proto::lineal::registry::v1::{
    AuditEntry, AuditFault, AuditOutcome, ExportAuditRequest, ListAuditEntriesRequest, ListAuditEntriesResponse,
    VerifyAuditRequest, VerifyAuditResponse, audit_service_client::AuditServiceClient,
};

use super::{
    context::Context,
    error::{CliError, Exit},
    format,
    output::{Style, Table, cell, verdict},
    parse,
    request::PageArgs,
};

/// `lineal audit`
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(
    after_help = "Example:\n  lineal audit churn --limit 20\n  lineal audit --by ana --action promote --refused --since 2025-01-15T00:00:00Z\n  lineal audit verify\n  lineal audit export > audit.jsonl"
)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List entries, newest first; the same as `lineal audit`
    List(ListArgs),
    /// Check that no entry was changed, taken out or moved since it was written
    Verify,
    /// Write entries as JSON lines, oldest first
    Export(ExportArgs),
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    /// Only this model
    #[arg(default_value = "", hide_default_value = true)]
    model: String,
    /// Only about this version
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    number: u64,
    /// Only by this actor
    #[arg(long = "by", value_name = "NAME", default_value = "", hide_default_value = true)]
    actor: String,
    /// Only of this action, e.g. promote
    #[arg(long, value_name = "ACTION", default_value = "", hide_default_value = true)]
    action: String,
    /// Only what was done
    #[arg(long, conflicts_with = "refused")]
    done: bool,
    /// Only what was refused
    #[arg(long)]
    refused: bool,
    /// Only from this moment on, e.g. 2025-01-15T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = parse::moment)]
    since: Option<Timestamp>,
    /// Only before this moment
    #[arg(long, value_name = "TIME", value_parser = parse::moment)]
    until: Option<Timestamp>,
    #[command(flatten)]
    page: PageArgs,
}

#[derive(Debug, clap::Args)]
struct ExportArgs {
    /// Only entries after this sequence
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    after: u64,
}

/// Lists, verifies or exports audit entries.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    match args.command {
        None => list(args.list, ctx).await,
        Some(Command::List(args)) => list(args, ctx).await,
        Some(Command::Verify) => verify(ctx).await,
        Some(Command::Export(args)) => export(args, ctx).await,
    }
}

async fn list(args: ListArgs, ctx: &Context) -> Result<Exit, CliError> {
    let outcome = match (args.done, args.refused) {
        (true, _) => AuditOutcome::Done,
        (_, true) => AuditOutcome::Refused,
        _ => AuditOutcome::Unspecified,
    };
    let request = ListAuditEntriesRequest {
        model: args.model,
        page_size: args.page.limit,
        page_token: args.page.page_token,
        number: args.number,
        actor: args.actor,
        action: args.action,
        outcome: outcome.into(),
        start_time: args.since.map(lineal_rpc::timestamp),
        end_time: args.until.map(lineal_rpc::timestamp),
    };
    let answer = ctx.registry.call(AuditServiceClient::new(ctx.registry.peer()).list_audit_entries(request)).await?;
    ctx.output.print(&answer, |style| render(&answer, style))?;
    Ok(Exit::Done)
}

async fn verify(ctx: &Context) -> Result<Exit, CliError> {
    let mut audit = AuditServiceClient::new(ctx.registry.peer());
    let answer = ctx.registry.call(audit.verify_audit(VerifyAuditRequest {})).await?;
    ctx.output.print(&answer, |style| conclusion(&answer, style))?;
    Ok(if answer.broken_sequence == 0 { Exit::Done } else { Exit::Refused })
}

/// The lines are the same for people and for programs: each is one entry in the contract's JSON.
async fn export(args: ExportArgs, ctx: &Context) -> Result<Exit, CliError> {
    let mut audit = AuditServiceClient::new(ctx.registry.peer());
    let mut entries = ctx.registry.call(audit.export_audit(ExportAuditRequest { after_sequence: args.after })).await?;
    let mut out = io::BufWriter::new(io::stdout());
    while let Some(message) = entries.message().await.map_err(|status| ctx.registry.failed(status))? {
        write_line(&mut out, &ctx.registry.present(message.entry, "entry")?)?;
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn write_line(out: &mut impl Write, entry: &AuditEntry) -> Result<(), CliError> {
    serde_json::to_writer(&mut *out, entry).map_err(|error| match error.io_error_kind() {
        Some(kind) => CliError::Output(kind.into()),
        None => error.into(),
    })?;
    Ok(out.write_all(b"\n")?)
}

fn conclusion(answer: &VerifyAuditResponse, style: Style) -> String {
    let VerifyAuditResponse { checked, broken_sequence, head_sequence, head_digest, .. } = answer;
    let headline = match answer.fault() {
        AuditFault::Unspecified => format!("the audit is intact: {checked} entries"),
        AuditFault::Altered => format!("the audit is broken: entry {broken_sequence} was altered"),
        AuditFault::Missing => format!("the audit is broken: entry {broken_sequence} is missing"),
        AuditFault::Head => {
            format!("the audit is broken: entry {broken_sequence} is not what the registry remembers writing last")
        }
    };
    let mut table = Table::headless(style);
    table.fact("head", format!("{head_sequence} {head_digest}"));
    format!("{}\n{}", style.heading(&headline), table.render())
}

fn render(answer: &ListAuditEntriesResponse, style: Style) -> String {
    let mut table = Table::new(
        style,
        &["SEQ", "TIME", "ACTOR", "ACTION", "MODEL", "SLOT", "VERSION", "STAGE", "OUTCOME", "DETAIL"],
    );
    for entry in &answer.entries {
        table.add([
            cell(entry.sequence),
            cell(format::time(entry.create_time.as_ref())),
            cell(&entry.actor),
            cell(&entry.action),
            cell(&entry.model),
            cell(format::pairs(&entry.slot)),
            cell(format::number(entry.number)),
            cell(stages(entry)),
            verdict(entry.done, "done", "refused"),
            cell(&entry.detail),
        ]);
    }
    table.render() + &format::more(&answer.next_page_token)
}

fn stages(entry: &AuditEntry) -> String {
    match (entry.from_stage.as_str(), entry.to_stage.as_str()) {
        ("", to) => to.to_owned(),
        (from, "") => from.to_owned(),
        (from, to) => format!("{from} -> {to}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_from_a_change() {
        // F31
        let entry = |sequence, done, detail: &str| AuditEntry {
            sequence,
            actor: "ana".to_owned(),
            action: "promote".to_owned(),
            model: "churn".to_owned(),
            number: 3,
            from_stage: "staging".to_owned(),
            to_stage: "production".to_owned(),
            done,
            detail: detail.to_owned(),
            ..AuditEntry::default()
        };
        let answer = ListAuditEntriesResponse {
            entries: vec![entry(8, true, "better auc"), entry(7, false, "replica r2 refused")],
            next_page_token: String::new(),
        };
        assert_eq!(
            render(&answer, Style::default()),
            "SEQ  TIME  ACTOR  ACTION   MODEL  SLOT  VERSION  STAGE                  OUTCOME  DETAIL\n\
             8          ana    promote  churn        3        staging -> production  done     better auc\n\
             7          ana    promote  churn        3        staging -> production  refused  replica r2 refused\n"
        );
    }

    #[test]
    fn a_break_is_told_with_its_place() {
        // F31
        let answer = |fault: AuditFault, broken_sequence| VerifyAuditResponse {
            checked: 7,
            broken_sequence,
            fault: fault.into(),
            head_sequence: 9,
            head_digest: "sha256:ab".to_owned(),
        };
        let told = |fault, broken| conclusion(&answer(fault, broken), Style::default());
        assert_eq!(told(AuditFault::Unspecified, 0), "the audit is intact: 7 entries\nhead  9 sha256:ab\n");
        assert!(told(AuditFault::Altered, 8).starts_with("the audit is broken: entry 8 was altered\n"));
        assert!(told(AuditFault::Missing, 8).starts_with("the audit is broken: entry 8 is missing\n"));
        assert!(told(AuditFault::Head, 8).starts_with("the audit is broken: entry 8 is not what the registry"));
    }

    #[test]
    fn an_exported_entry_is_one_line() {
        // F31
        let mut out = Vec::new();
        let entry = AuditEntry { sequence: 3, detail: "two\nlines".to_owned(), ..AuditEntry::default() };
        write_line(&mut out, &entry).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "{\"sequence\":\"3\",\"detail\":\"two\\nlines\"}\n");
    }

    #[test]
    fn a_model_is_told_from_a_command() {
        #[derive(clap::Parser)]
        struct Alone {
            #[command(flatten)]
            args: Args,
        }
        let parse = |words: &str| <Alone as clap::Parser>::try_parse_from(words.split(' ')).unwrap().args;
        assert_eq!(parse("audit churn --limit 3").list.model, "churn");
        assert!(matches!(parse("audit verify").command, Some(Command::Verify)));
        let named = parse("audit list verify").command;
        assert!(matches!(named, Some(Command::List(list)) if list.model == "verify"));
        let after = parse("audit export --after 12").command;
        assert!(matches!(after, Some(Command::Export(ExportArgs { after: 12 }))));
    }
}

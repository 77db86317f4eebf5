//! `lineal audit`

use lineal_proto::lineal::registry::v1::{
    AuditEntry, ListAuditEntriesRequest, ListAuditEntriesResponse, audit_service_client::AuditServiceClient,
};

use super::{
    context::Context,
    error::{CliError, Exit},
    format,
    output::{Style, Table, cell, verdict},
    request::PageArgs,
};

/// `lineal audit`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal audit churn --limit 20")]
pub(super) struct Args {
    /// Only this model
    #[arg(default_value = "", hide_default_value = true)]
    model: String,
    #[command(flatten)]
    page: PageArgs,
}

/// Lists audit entries, newest first.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    let request =
        ListAuditEntriesRequest { model: args.model, page_size: args.page.limit, page_token: args.page.page_token };
    let answer = ctx.registry.call(AuditServiceClient::new(ctx.registry.peer()).list_audit_entries(request)).await?;
    ctx.output.print(&answer, |style| render(&answer, style))?;
    Ok(Exit::Done)
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
}

//! `lineal history`

use lineal_proto::{
    lineal::registry::v1::{
        GetChampionAtRequest, GetChampionAtResponse, ListReignsRequest, ListReignsResponse, PromotionKind, Reign,
        Vacancy, get_champion_at_response::Occupant, history_service_client::HistoryServiceClient,
    },
    pbjson_types::Timestamp,
};

use super::{
    context::Context,
    error::{CliError, Exit},
    format,
    output::{Style, Table, cell, good},
    parse,
    request::{PageArgs, SlotArgs},
};

/// `lineal history`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal history churn\n  lineal history churn --at 2025-01-15T14:30:22Z")]
pub(super) struct Args {
    /// The model
    model: String,
    /// Only who was champion at this moment
    #[arg(long, value_name = "TIME", value_parser = parse::moment)]
    at: Option<lineal_kernel::Timestamp>,
    #[command(flatten)]
    slot: SlotArgs,
    #[command(flatten)]
    page: PageArgs,
}

/// Tells who was champion, and when.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    let mut history = HistoryServiceClient::new(ctx.registry.peer());
    let (model, slot) = (args.model.clone(), args.slot.slot.labels().clone());
    if let Some(at) = args.at {
        let request = GetChampionAtRequest { model, slot, time: Some(lineal_rpc::timestamp(at)) };
        let answer = ctx.registry.call(history.get_champion_at(request)).await;
        let answer = answer.map_err(|error| error.about(&args.model, ""))?;
        ctx.output.print(&answer, |style| render_moment(&args.model, &answer, style))?;
        return Ok(Exit::Done);
    }
    let (page_size, page_token) = (args.page.limit, args.page.page_token);
    let answer = ctx.registry.call(history.list_reigns(ListReignsRequest { model, slot, page_size, page_token })).await;
    let answer = answer.map_err(|error| error.about(&args.model, ""))?;
    ctx.output.print(&answer, |style| render(&answer, style))?;
    Ok(Exit::Done)
}

fn render(answer: &ListReignsResponse, style: Style) -> String {
    if answer.reigns.is_empty() {
        return "this slot never had a champion\n".to_owned();
    }
    let mut table =
        Table::new(style, &["VERSION", "FROM", "TO", "GENERATION", "BEGUN BY", "ENDED BY", "ACTOR", "REASON"]);
    for reign in &answer.reigns {
        let to = reign.end_time.as_ref().map_or_else(|| good("now"), |end| cell(format::time(Some(end))));
        table.add([
            cell(reign.number),
            cell(format::time(reign.start_time.as_ref())),
            to,
            cell(reign.generation),
            cell(word(reign.begun_by())),
            cell(word(reign.ended_by())),
            cell(&reign.actor),
            cell(&reign.reason),
        ]);
    }
    table.render() + &format::more(&answer.next_page_token)
}

fn render_moment(model: &str, answer: &GetChampionAtResponse, style: Style) -> String {
    match &answer.occupant {
        Some(Occupant::Reign(reign)) => {
            let headline = style.heading(&format!("{model} {} was champion", reign.number));
            format!("{headline}\n{}next: lineal explain {model}/{}\n", facts(reign, style), reign.number)
        }
        Some(Occupant::Vacancy(vacancy)) => {
            format!("{}\n{}", style.heading(&format!("{model} had no champion")), emptiness(vacancy, style))
        }
        None => "the registry does not say\n".to_owned(),
    }
}

fn facts(reign: &Reign, style: Style) -> String {
    let mut table = Table::headless(style);
    table.fact("from", format::time(reign.start_time.as_ref()));
    table.fact("to", reign.end_time.as_ref().map_or_else(|| "now".to_owned(), |end| format::time(Some(end))));
    table.fact("generation", reign.generation.to_string());
    table.fact("begun by", format!("{} {}", word(reign.begun_by()), reign.promotion_id));
    table.fact("actor", &reign.actor);
    table.fact("reason", &reign.reason);
    table.fact("ended by", word(reign.ended_by()));
    table.render()
}

fn emptiness(vacancy: &Vacancy, style: Style) -> String {
    let or = |moment: Option<&Timestamp>, other: &str| {
        if moment.is_some() { format::time(moment) } else { other.to_owned() }
    };
    let mut table = Table::headless(style);
    table.fact("empty from", or(vacancy.start_time.as_ref(), "the beginning"));
    table.fact("to", or(vacancy.end_time.as_ref(), "now"));
    table.render()
}

fn word(kind: PromotionKind) -> String {
    match kind {
        PromotionKind::Unspecified => String::new(),
        kind => format::word(kind.as_str_name(), "PROMOTION_KIND_"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp { seconds, nanos: 0 }
    }

    #[test]
    fn a_reign_is_one_line_and_the_present_one_lasts() {
        let reign = Reign {
            model: "churn".to_owned(),
            number: 2,
            start_time: Some(at(1_736_951_422)),
            generation: 7,
            begun_by: PromotionKind::Promote.into(),
            actor: "ana".to_owned(),
            reason: "better".to_owned(),
            ..Reign::default()
        };
        let earlier = Reign {
            number: 1,
            end_time: Some(at(1_736_951_422)),
            start_time: Some(at(1_736_951_400)),
            generation: 5,
            ended_by: PromotionKind::Promote.into(),
            ..reign.clone()
        };
        let answer = ListReignsResponse { reigns: vec![reign, earlier], ..ListReignsResponse::default() };
        assert_eq!(
            render(&answer, Style::default()),
            "VERSION  FROM                  TO                    GENERATION  BEGUN BY  ENDED BY  ACTOR  REASON\n\
             2        2025-01-15T14:30:22Z  now                   7           promote             ana    better\n\
             1        2025-01-15T14:30:00Z  2025-01-15T14:30:22Z  5           promote   promote   ana    better\n"
        );
    }

    #[test]
    fn an_empty_slot_is_said_to_be_empty() {
        let vacancy = Vacancy { start_time: Some(at(1_736_951_422)), end_time: None };
        let answer = GetChampionAtResponse { occupant: Some(Occupant::Vacancy(vacancy)) };
        assert_eq!(
            render_moment("churn", &answer, Style::default()),
            "churn had no champion\nempty from  2025-01-15T14:30:22Z\nto          now\n"
        );
    }
}

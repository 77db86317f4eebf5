//! `lineal status`

use lineal_proto::{
    lineal::{
        registry::v1::{
            Alias, GetServingTableRequest, GetServingTableResponse, ListAliasesRequest, ListPromotionsRequest,
            ListReplicasRequest, Promotion, Replica, ServingEntry, alias_service_client::AliasServiceClient,
            promotion_service_client::PromotionServiceClient, replica_service_client::ReplicaServiceClient,
        },
        trainer::v1::{Job, JobState, ListJobsRequest, ListJobsResponse, job_service_client::JobServiceClient},
    },
    pbjson_types::Timestamp,
};
use serde::Serialize;

use super::{
    context::{Context, Service},
    error::{CliError, Exit},
    explain, format, health, jobs,
    output::{Style, Table, bad, cell, good, verdict},
    way_back::{self, WayBack},
};

const LATEST_PROMOTIONS: i32 = 5;
const PAGE: i32 = 500;
const CHAMPION: &str = "champion";

/// `lineal status`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal status -o json")]
pub(super) struct Args {}

/// The whole picture, gathered from several calls.
#[derive(Serialize)]
struct Status {
    environment: String,
    services: Vec<Reach>,
    generation: u64,
    replicas: Vec<Replica>,
    champions: Vec<Pointer>,
    /// Every other alias.
    aliases: Vec<Pointer>,
    way_back: Vec<WayBack>,
    /// Absent when the trainer cannot be asked.
    running_jobs: Option<Vec<Job>>,
    promotions: Vec<Promotion>,
}

#[derive(Serialize)]
struct Reach {
    service: &'static str,
    address: String,
    serving: bool,
    problem: String,
}

#[derive(Serialize)]
struct Pointer {
    #[serde(flatten)]
    entry: ServingEntry,
    since: Option<Timestamp>,
}

/// Shows what is there and what is going on. Only the registry must answer.
pub(super) async fn run(_: Args, ctx: &Context) -> Result<Exit, CliError> {
    let registry = &ctx.registry;
    let replicas = ReplicaServiceClient::new(registry.peer())
        .list_replicas(ListReplicasRequest { page_size: PAGE, page_token: String::new() })
        .await
        .map_err(|status| registry.failed(status))?
        .into_inner();
    let (services, table, running_jobs, promotions) = futures::join!(
        futures::future::join_all([&ctx.registry, &ctx.trainer, &ctx.validator, &ctx.inference].map(reach)),
        serving_table(registry),
        running_jobs(&ctx.trainer),
        promotions(registry),
    );
    let GetServingTableResponse { entries, standbys, environment, .. } = table?;
    let pointers = pointers(registry, entries).await?;
    let (champions, aliases) = pointers.into_iter().partition(|pointer| pointer.entry.alias == CHAMPION);
    let status = Status {
        environment,
        services,
        generation: replicas.generation,
        champions,
        aliases,
        way_back: way_back::join(standbys, &replicas.replicas),
        replicas: replicas.replicas,
        running_jobs,
        promotions: promotions?,
    };
    ctx.output.print(&status, |style| render(&status, style))?;
    Ok(Exit::Done)
}

async fn reach(service: &Service) -> Reach {
    let (serving, problem) = match health::check(service, lineal_rpc::LIVE).await {
        Ok(true) => (true, String::new()),
        Ok(false) => (false, "it says that it is not serving".to_owned()),
        Err(status) => (false, service.failed(status).to_string()),
    };
    Reach { service: service.name(), address: service.address().to_owned(), serving, problem }
}

async fn serving_table(registry: &Service) -> Result<GetServingTableResponse, CliError> {
    let request = GetServingTableRequest { include_standbys: true };
    registry.call(AliasServiceClient::new(registry.peer()).get_serving_table(request)).await
}

async fn pointers(registry: &Service, entries: Vec<ServingEntry>) -> Result<Vec<Pointer>, CliError> {
    let mut client = AliasServiceClient::new(registry.peer());
    let mut pointers = vec![];
    let mut aliases: Vec<Alias> = vec![];
    for entry in entries {
        if aliases.first().is_none_or(|alias| alias.model != entry.model) {
            let request = ListAliasesRequest { model: entry.model.clone(), page_size: PAGE, page_token: String::new() };
            aliases = registry.call(client.list_aliases(request)).await?.aliases;
        }
        let here = |alias: &&Alias| alias.name == entry.alias && alias.slot == entry.slot;
        let since = aliases.iter().find(here).and_then(|alias| alias.update_time);
        pointers.push(Pointer { entry, since });
    }
    Ok(pointers)
}

async fn running_jobs(trainer: &Service) -> Option<Vec<Job>> {
    let request = ListJobsRequest { page_size: PAGE, state: JobState::Running.into(), ..ListJobsRequest::default() };
    trainer.call(JobServiceClient::new(trainer.peer()).list_jobs(request)).await.ok().map(|answer| answer.jobs)
}

async fn promotions(registry: &Service) -> Result<Vec<Promotion>, CliError> {
    let request = ListPromotionsRequest { page_size: LATEST_PROMOTIONS, ..ListPromotionsRequest::default() };
    let answer = registry.call(PromotionServiceClient::new(registry.peer()).list_promotions(request)).await?;
    Ok(answer.promotions)
}

fn render(status: &Status, style: Style) -> String {
    let mut parts = vec![
        section(
            style,
            &format!("services, environment {}", status.environment),
            Some(services(&status.services, style)),
        ),
        section(
            style,
            &format!("replicas, generation {}", status.generation),
            (!status.replicas.is_empty()).then(|| replicas(status, style)),
        ),
        section(style, "champions", (!status.champions.is_empty()).then(|| champion_table(&status.champions, style))),
        section(style, "other aliases", (!status.aliases.is_empty()).then(|| alias_table(&status.aliases, style))),
        section(style, "way back", (!status.way_back.is_empty()).then(|| way_back::table(&status.way_back, style))),
    ];
    parts.push(match &status.running_jobs {
        None => section(style, "running jobs", Some("unknown: the trainer cannot be asked\n".to_owned())),
        Some(list) => {
            let answer = ListJobsResponse { jobs: list.clone(), next_page_token: String::new() };
            section(style, "running jobs", (!list.is_empty()).then(|| jobs::render_list(&answer, style)))
        }
    });
    let promotions = &status.promotions;
    let table = (!promotions.is_empty()).then(|| explain::promotion_table(promotions, style));
    parts.push(section(style, "last promotions", table));
    parts.join("\n")
}

fn section(style: Style, title: &str, body: Option<String>) -> String {
    format!("{}\n{}", style.heading(title), body.unwrap_or_else(|| "none\n".to_owned()))
}

fn services(services: &[Reach], style: Style) -> String {
    let mut table = Table::new(style, &["SERVICE", "ADDRESS", "STATE", "PROBLEM"]);
    for Reach { service, address, serving, problem } in services {
        table.add([cell(service), cell(address), verdict(*serving, "serving", "down"), cell(problem)]);
    }
    table.render()
}

fn replicas(status: &Status, style: Style) -> String {
    let mut table = Table::new(style, &["REPLICA", "ADDRESS", "GENERATION", "STATE", "PROBLEM"]);
    for replica in &status.replicas {
        let state = match (replica.live, replica.generation == status.generation) {
            (false, _) => bad("gone"),
            (true, false) => bad("behind"),
            (true, true) => good("current"),
        };
        table.add([
            cell(&replica.name),
            cell(&replica.address),
            cell(replica.generation),
            state,
            cell(&replica.problem),
        ]);
    }
    table.render()
}

fn champion_table(champions: &[Pointer], style: Style) -> String {
    let mut table = Table::new(style, &["MODEL", "SLOT", "VERSION", "LABEL", "SINCE"]);
    for Pointer { entry, since } in champions {
        table.add([
            cell(&entry.model),
            cell(format::slot(&entry.slot)),
            cell(entry.number),
            cell(&entry.label),
            cell(format::time(since.as_ref())),
        ]);
    }
    table.render()
}

fn alias_table(aliases: &[Pointer], style: Style) -> String {
    let mut table = Table::new(style, &["MODEL", "SLOT", "ALIAS", "TRAFFIC", "VERSION", "LABEL", "SINCE"]);
    for Pointer { entry, since } in aliases {
        table.add([
            cell(&entry.model),
            cell(format::slot(&entry.slot)),
            cell(&entry.alias),
            cell(format::traffic(entry.traffic)),
            cell(entry.number),
            cell(&entry.label),
            cell(format::time(since.as_ref())),
        ]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use lineal_proto::lineal::registry::v1::{Traffic, traffic::Part};

    use super::*;

    #[test]
    fn what_is_down_or_behind_is_shown() {
        let replica = |name: &str, generation, live| Replica {
            name: name.to_owned(),
            address: "http://10.0.0.7:7400".to_owned(),
            generation,
            live,
            ..Replica::default()
        };
        let status = Status {
            environment: "uat".to_owned(),
            services: vec![Reach {
                service: "trainer",
                address: "http://127.0.0.1:7400".to_owned(),
                serving: false,
                problem: "it says that it is not serving".to_owned(),
            }],
            generation: 7,
            replicas: vec![replica("r-0", 7, true), replica("r-1", 6, true), replica("r-2", 5, false)],
            champions: vec![Pointer {
                entry: ServingEntry { model: "churn".to_owned(), number: 3, ..ServingEntry::default() },
                since: Some(Timestamp { seconds: 1_736_951_422, nanos: 0 }),
            }],
            aliases: vec![],
            way_back: vec![],
            running_jobs: None,
            promotions: vec![],
        };
        assert_eq!(
            render(&status, Style::default()),
            "services, environment uat\n\
             SERVICE  ADDRESS                STATE  PROBLEM\n\
             trainer  http://127.0.0.1:7400  down   it says that it is not serving\n\
             \n\
             replicas, generation 7\n\
             REPLICA  ADDRESS               GENERATION  STATE    PROBLEM\n\
             r-0      http://10.0.0.7:7400  7           current\n\
             r-1      http://10.0.0.7:7400  6           behind\n\
             r-2      http://10.0.0.7:7400  5           gone\n\
             \n\
             champions\n\
             MODEL  SLOT     VERSION  LABEL  SINCE\n\
             churn  default  3               2025-01-15T14:30:22Z\n\
             \n\
             other aliases\n\
             none\n\
             \n\
             way back\n\
             none\n\
             \n\
             running jobs\n\
             unknown: the trainer cannot be asked\n\
             \n\
             last promotions\n\
             none\n"
        );
        let json = serde_json::to_value(&status).unwrap();
        assert_eq!(json["champions"][0]["model"], "churn");
        assert_eq!(json["champions"][0]["since"], "2025-01-15T14:30:22+00:00");
    }

    #[test]
    fn aliases_are_shown_with_their_shares() {
        // F140
        let pointer = |alias: &str, number, part: Option<Part>| Pointer {
            entry: ServingEntry {
                model: "churn".to_owned(),
                alias: alias.to_owned(),
                number,
                traffic: part.map(|part| Traffic { part: Some(part) }),
                ..ServingEntry::default()
            },
            since: None,
        };
        let aliases = [
            pointer("canary", 4, Some(Part::SplitPerMille(25))),
            pointer("shadow", 5, Some(Part::MirrorPerMille(200))),
            pointer("stable", 3, None),
        ];
        assert_eq!(
            alias_table(&aliases, Style::default()),
            "MODEL  SLOT     ALIAS   TRAFFIC     VERSION  LABEL  SINCE\n\
             churn  default  canary  2.5%        4\n\
             churn  default  shadow  mirror 20%  5\n\
             churn  default  stable  none        3\n"
        );
    }
}

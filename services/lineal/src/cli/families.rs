//! `lineal families`

use lineal_proto::lineal::trainer::v1::{
    Family, FamilyKind, FamilyUpstreams, Hyperparameter, HyperparameterKind, ListFamiliesRequest,
    family_service_client::FamilyServiceClient,
};

use super::{
    context::Context,
    error::{CliError, Exit},
    format,
    output::{Style, Table, cell},
};

/// `lineal families`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal families")]
pub(super) struct Args {}

/// Lists families and their hyperparameters.
pub(super) async fn run(_: Args, ctx: &Context) -> Result<Exit, CliError> {
    let request = ListFamiliesRequest {};
    let answer = ctx.trainer.call(FamilyServiceClient::new(ctx.trainer.peer()).list_families(request)).await?;
    ctx.output.print(&answer, |style| {
        answer.families.iter().map(|family| render(family, style)).collect::<Vec<_>>().join("\n")
    })?;
    Ok(Exit::Done)
}

fn render(family: &Family, style: Style) -> String {
    let tasks = family.tasks().map(|task| format::word(task.as_str_name(), "TASK_")).collect::<Vec<_>>().join(", ");
    let title = style.heading(&format!("{}: {} ({tasks})", family.name, family.title));
    let mut table = Table::new(style, &["HYPERPARAMETER", "KIND", "DEFAULT", "RANGE", "MEANING"]);
    for hyperparameter in &family.hyperparameters {
        let kind = HyperparameterKind::try_from(hyperparameter.kind).unwrap_or_default();
        table.add([
            cell(&hyperparameter.name),
            cell(format::word(kind.as_str_name(), "HYPERPARAMETER_KIND_")),
            cell(format::value(hyperparameter.default.as_ref())),
            cell(range(hyperparameter)),
            cell(&hyperparameter.description),
        ]);
    }
    let missing =
        if family.available { String::new() } else { format!("not available: {}\n", family.unavailable_reason) };
    format!("{title}\n{missing}{}{}", chain(family), table.render())
}

/// What a member of a chain needs.
fn chain(family: &Family) -> String {
    let upstreams = match family.upstreams() {
        FamilyUpstreams::One => "one upstream version",
        FamilyUpstreams::Several => "one upstream version or more",
        FamilyUpstreams::None | FamilyUpstreams::Unspecified => "no upstream version",
    };
    match family.kind() {
        FamilyKind::Member => {
            format!("member of a chain, of the columns {} and {upstreams}\n", family.columns.join(", "))
        }
        FamilyKind::Model | FamilyKind::Unspecified => String::new(),
    }
}

fn range(hyperparameter: &Hyperparameter) -> String {
    match (hyperparameter.minimum, hyperparameter.maximum) {
        (Some(minimum), Some(maximum)) => format!("{minimum} to {maximum}"),
        (Some(minimum), None) => format!("{minimum} or more"),
        (None, Some(maximum)) => format!("up to {maximum}"),
        (None, None) => hyperparameter.choices.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use lineal_proto::{lineal::trainer::v1::Task, pbjson_types::Value};

    use super::*;

    #[test]
    fn defaults_and_ranges_are_shown() {
        let family = Family {
            name: "gradient_boosting".to_owned(),
            title: "Gradient boosting".to_owned(),
            tasks: vec![Task::Binary.into(), Task::Count.into()],
            hyperparameters: vec![Hyperparameter {
                name: "learning_rate".to_owned(),
                kind: HyperparameterKind::Float.into(),
                default: Some(Value::from(0.1)),
                minimum: Some(0.001),
                maximum: Some(1.0),
                choices: vec![],
                description: "step of each tree".to_owned(),
            }],
            available: true,
            ..Family::default()
        };
        assert_eq!(
            render(&family, Style::default()),
            "gradient_boosting: Gradient boosting (binary, count)\n\
             HYPERPARAMETER  KIND   DEFAULT  RANGE       MEANING\n\
             learning_rate   float  0.1      0.001 to 1  step of each tree\n"
        );
        let member = Family {
            kind: FamilyKind::Member.into(),
            columns: vec!["outcome".to_owned()],
            upstreams: FamilyUpstreams::One.into(),
            ..family.clone()
        };
        let text = render(&member, Style::default());
        assert!(text.contains("\nmember of a chain, of the columns outcome and one upstream version\n"), "{text}");
        let missing = Family { available: false, unavailable_reason: "pip install it".to_owned(), ..family };
        let shown = render(&missing, Style::default());
        assert_eq!(shown.lines().nth(1), Some("not available: pip install it"));
    }
}

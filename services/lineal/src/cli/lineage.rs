//! `lineal lineage`

use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
};

use lineal_proto::lineal::registry::v1::{
    GetLineageRequest, GetLineageResponse, LineageDirection, LineageRelation, VersionReference,
    lineage_service_client::LineageServiceClient,
};

use super::{
    context::Context,
    error::{CliError, Exit},
    format,
    output::{Style, printable},
    request::{SlotArgs, resolve},
};

/// `lineal lineage`
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  lineal lineage churn @champion --direction both")]
pub(super) struct Args {
    /// The model
    model: String,
    /// A number, a label or @alias
    version: String,
    /// Which way to look
    #[arg(long, value_enum, default_value = "ancestors")]
    direction: Direction,
    /// How far, in steps
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=50))]
    depth: u32,
    #[command(flatten)]
    slot: SlotArgs,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Direction {
    /// What it comes from
    Ancestors,
    /// What comes from it
    Descendants,
    /// Both
    Both,
}

/// Draws the lineage of a version.
pub(super) async fn run(args: Args, ctx: &Context) -> Result<Exit, CliError> {
    let number = resolve(ctx, &args.model, &args.version, &args.slot.slot).await?;
    let direction = match args.direction {
        Direction::Ancestors => LineageDirection::Ancestors,
        Direction::Descendants => LineageDirection::Descendants,
        Direction::Both => LineageDirection::Both,
    };
    let request =
        GetLineageRequest { model: args.model.clone(), number, depth: args.depth, direction: direction.into() };
    let answer = ctx.registry.call(LineageServiceClient::new(ctx.registry.peer()).get_lineage(request)).await;
    let answer = answer.map_err(|error| error.about(&args.model, number))?;
    ctx.output.print(&answer, |style| draw(&answer, style))?;
    Ok(Exit::Done)
}

/// A version by its name.
type Name<'a> = (&'a str, u64);

/// A tree from the youngest versions down: below each version stands what it comes from.
struct Tree<'a> {
    /// What is said of each version.
    facts: HashMap<Name<'a>, String>,
    /// What each comes from, and how.
    origins: HashMap<Name<'a>, Vec<(LineageRelation, Name<'a>)>>,
    /// Those whose origins stand above already.
    told: HashSet<Name<'a>>,
    text: String,
}

impl<'a> Tree<'a> {
    fn grow(&mut self, name: Name<'a>, indent: &str) {
        if !self.told.insert(name) {
            return;
        }
        let origins = self.origins.get(&name).cloned().unwrap_or_default();
        for (i, (relation, origin)) in origins.iter().enumerate() {
            let (branch, trunk) = if i + 1 == origins.len() { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            let relation = format::word(relation.as_str_name(), "LINEAGE_RELATION_");
            let again = self.told.contains(origin) && self.origins.contains_key(origin);
            let again = if again { "  (shown above)" } else { "" };
            let facts = &self.facts[origin];
            let _ = writeln!(self.text, "{indent}{branch}{relation} {facts}{again}");
            self.grow(*origin, &format!("{indent}{trunk}"));
        }
    }
}

fn name(reference: Option<&VersionReference>) -> Option<Name<'_>> {
    reference.map(|reference| (reference.model.as_str(), reference.number))
}

fn draw(answer: &GetLineageResponse, style: Style) -> String {
    let mut tree = Tree { facts: HashMap::new(), origins: HashMap::new(), told: HashSet::new(), text: String::new() };
    let mut nodes: Vec<_> = answer.nodes.iter().collect();
    nodes.sort_by_key(|node| (node.layer, node.position));
    for node in &nodes {
        let Some((model, number)) = name(node.version.as_ref()) else { continue };
        let facts = printable(&format!("{model} {number}  {}  {}", node.display_state, node.label));
        let taint = if node.tainted { "  tainted" } else { "" };
        tree.facts.insert((model, number), facts.trim_end().to_owned() + taint);
    }
    let mut used = HashSet::new();
    for edge in &answer.edges {
        let ends = name(edge.from.as_ref()).zip(name(edge.to.as_ref()));
        if let Some((from, to)) = ends.filter(|(_, to)| tree.facts.contains_key(to)) {
            tree.origins.entry(from).or_default().push((edge.relation(), to));
            used.insert(to);
        }
    }
    for root in nodes.iter().filter_map(|node| name(node.version.as_ref())) {
        if !used.contains(&root) {
            let facts = style.heading(&tree.facts[&root]);
            let _ = writeln!(tree.text, "{facts}");
            tree.grow(root, "");
        }
    }
    if answer.edges.is_empty() {
        tree.text.push_str("stands alone\n");
    }
    if answer.truncated {
        let asked = answer.nodes.first().and_then(|node| name(node.version.as_ref()));
        let about = asked.map(|(model, number)| format!("{model} {number}")).unwrap_or_default();
        let _ = writeln!(tree.text, "there is more: lineal lineage {} --depth 50", printable(&about));
    }
    tree.text
}

#[cfg(test)]
mod tests {
    use lineal_proto::lineal::registry::v1::{LineageEdge, LineageNode};

    use super::*;

    fn node(model: &str, number: u64, layer: u32, position: u32) -> LineageNode {
        LineageNode {
            version: Some(VersionReference { model: model.to_owned(), number }),
            layer,
            position,
            display_state: "staging".to_owned(),
            label: format!("{model}-{number}"),
            ..LineageNode::default()
        }
    }

    fn edge(from: Name<'_>, to: Name<'_>, relation: LineageRelation) -> LineageEdge {
        let reference = |(model, number): Name<'_>| Some(VersionReference { model: model.to_owned(), number });
        LineageEdge { from: reference(from), to: reference(to), relation: relation.into() }
    }

    #[test]
    fn a_chain_is_drawn_as_a_tree_and_nothing_twice() {
        // F18
        let answer = GetLineageResponse {
            nodes: vec![
                node("calibration", 1, 0, 0),
                node("blending", 1, 1, 0),
                node("poisson", 2, 2, 0),
                node("poisson", 1, 3, 0),
            ],
            edges: vec![
                edge(("calibration", 1), ("blending", 1), LineageRelation::Upstream),
                edge(("calibration", 1), ("poisson", 2), LineageRelation::Upstream),
                edge(("blending", 1), ("poisson", 2), LineageRelation::Upstream),
                edge(("poisson", 2), ("poisson", 1), LineageRelation::Parent),
            ],
            truncated: true,
        };
        assert_eq!(
            draw(&answer, Style::default()),
            "calibration 1  staging  calibration-1\n\
             ├─ upstream blending 1  staging  blending-1\n\
             │  └─ upstream poisson 2  staging  poisson-2\n\
             │     └─ parent poisson 1  staging  poisson-1\n\
             └─ upstream poisson 2  staging  poisson-2  (shown above)\n\
             there is more: lineal lineage calibration 1 --depth 50\n"
        );
    }

    #[test]
    fn a_version_without_relatives_stands_alone() {
        let answer = GetLineageResponse { nodes: vec![node("churn", 1, 0, 0)], ..GetLineageResponse::default() };
        assert_eq!(draw(&answer, Style::default()), "churn 1  staging  churn-1\nstands alone\n");
    }
}

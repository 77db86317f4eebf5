//! Many versions made of one that the registry has registered, with everything that the registry would have written about them.

use crate::registry::contents::{ALIASES, MODEL, STEPS, VERSIONS};

/// What both databases run, in this order.
pub(super) fn statements() -> Vec<String> {
    let mut statements = versions();
    statements.extend(edges());
    statements.push(aliases());
    statements.extend(BARE.map(str::to_owned));
    statements
}

/// What the tenant `bare` needs to write.
const BARE: [&str; 4] = [
    "INSERT INTO models (tenant, name, description, latest_version, created_us) VALUES ('bare', 'created', '', 0, 0)",
    "INSERT INTO audit_heads (tenant, sequence, digest) VALUES ('bare', 0, 'bare')",
    "INSERT INTO experiments (tenant, experiment_id, name, description, tags, stage, created_us, updated_us, revision) \
     SELECT 'bare', experiment_id, name, description, tags, stage, created_us, updated_us, revision FROM experiments",
    "INSERT INTO runs (tenant, run_id, experiment_id, name, description, status, stage, started_us, ended_us, \
     parent_run_id, source, datasets, error, revision) \
     SELECT 'bare', run_id, experiment_id, name, description, status, stage, started_us, ended_us, parent_run_id, \
     source, datasets, error, revision FROM runs",
];

fn numbers(from: u64, to: u64) -> String {
    format!("WITH RECURSIVE n(number) AS (SELECT {from} UNION ALL SELECT number + 1 FROM n WHERE number < {to})")
}

fn versions() -> Vec<String> {
    let numbers = numbers(2, VERSIONS);
    let upstreams = STEPS[1..].iter().map(|step| {
        format!("CASE WHEN n.number > {step} THEN ',[\"{MODEL}\",' || (n.number - {step}) || ']' ELSE '' END")
    });
    let upstreams = upstreams.collect::<Vec<_>>().join(" || ");
    vec![
        format!(
            "INSERT INTO versions (tenant, model, number, label, family, digest, size_bytes, state, metrics, description, \
             tags, upstreams, lineage, created_us, run_id) {numbers} \
             SELECT v.tenant, v.model, n.number, v.family || '-' || n.number, v.family, v.digest, v.size_bytes, v.state, \
             v.metrics, v.description, v.tags, '[' || substr({upstreams}, 2) || ']', \
             replace(v.lineage, '\"parent_number\":0', '\"parent_number\":' || (n.number - 1)), v.created_us + n.number, \
             v.run_id FROM versions v, n WHERE v.tenant = 'default' AND v.model = '{MODEL}' AND v.number = 1"
        ),
        format!(
            "INSERT INTO version_facts (tenant, model, number, field, place, kind, value, text) {numbers} \
             SELECT f.tenant, f.model, n.number, f.field, f.place, f.kind, f.value, f.text \
             FROM version_facts f, n WHERE f.tenant = 'default' AND f.model = '{MODEL}' AND f.number = 1"
        ),
        format!(
            "INSERT INTO run_versions (tenant, run_id, model, number) \
             SELECT tenant, run_id, model, number FROM versions WHERE tenant = 'default' AND model = '{MODEL}' AND number > 1"
        ),
        format!("UPDATE models SET latest_version = {VERSIONS} WHERE tenant = 'default' AND name = '{MODEL}'"),
    ]
}

/// The steps that the versions name.
fn edges() -> impl Iterator<Item = String> {
    STEPS.iter().enumerate().map(|(position, step)| {
        let relation = if position == 0 { "parent" } else { "upstream" };
        format!(
            "INSERT INTO lineage_edges (tenant, from_model, from_number, position, to_model, to_number, relation) \
             SELECT tenant, model, number, {position}, model, number - {step}, '{relation}' \
             FROM versions WHERE tenant = 'default' AND model = '{MODEL}' AND number > {step}"
        )
    })
}

fn aliases() -> String {
    let numbers = numbers(1, ALIASES);
    format!(
        "INSERT INTO aliases (tenant, model, slot, name, number, generation, revision, updated_us) {numbers} \
         SELECT 'default', '{MODEL}', '', 'a' || n.number, n.number * 1000, 0, 1, 0 FROM n"
    )
}

//! The audit: one entry per change asked for, done or refused, under a seal that anybody can check.

use futures::{StreamExt, stream};
use lineal_kernel::Digest;
use lineal_proto::{
    DESCRIPTOR, lineal::registry::v1 as pb, lineal::registry::v1::upload_artifact_request::Part,
    lineal::types::v1::Permission, permission_of,
};
use prost_reflect::DescriptorPool;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use tonic::{Code, Request, Status, codegen::http::uri::PathAndQuery};
use tonic_prost::ProstCodec;

use crate::fixture::{Bench, create_run, create_version, demote, reason, record_validation, rollback, set_alias};

/// Paths and actions of every RPC of the registry that asks for a change.
fn changes() -> Vec<(String, String)> {
    let pool = DescriptorPool::decode(DESCRIPTOR).unwrap();
    let services = pool.services().filter(|service| service.package_name() == "lineal.registry.v1");
    let methods: Vec<_> = services.flat_map(|service| service.methods().collect::<Vec<_>>()).collect();
    let paths = methods.iter().map(|method| format!("/{}/{}", method.parent_service().full_name(), method.name()));
    let paths = paths.filter(|path| {
        !matches!(permission_of(path), None | Some(Permission::Read | Permission::Predict | Permission::Serve))
    });
    paths.map(|path| (path.clone(), action(&path))).collect()
}

fn action(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap();
    let words = name.chars().map(|c| if c.is_uppercase() { format!("_{}", c.to_lowercase()) } else { c.to_string() });
    words.collect::<String>().trim_start_matches('_').to_owned()
}

/// Sends a message without any field, which no change is made by.
async fn call_empty(bench: &Bench, path: &str) -> Result<(), Status> {
    let mut client = tonic::client::Grpc::new(bench.peer.clone());
    client.ready().await.unwrap();
    let path: PathAndQuery = path.parse().unwrap();
    client.unary(Request::new(()), path, ProstCodec::<(), ()>::default()).await.map(drop)
}

async fn verify(bench: &Bench) -> pb::VerifyAuditResponse {
    bench.audit_service().verify_audit(pb::VerifyAuditRequest {}).await.unwrap().into_inner()
}

async fn export(bench: &Bench, after_sequence: u64) -> Vec<pb::AuditEntry> {
    let stream = bench.audit_service().export_audit(pb::ExportAuditRequest { after_sequence }).await.unwrap();
    stream.into_inner().map(|message| message.unwrap().entry.unwrap()).collect().await
}

/// What a foreign auditor computes from the contract alone.
fn digest(previous: &str, entry: &pb::AuditEntry) -> String {
    let time = entry.create_time.as_ref().unwrap();
    let slot: Vec<_> = entry.slot.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let fields = [
        previous.to_owned(),
        entry.sequence.to_string(),
        (time.seconds * 1_000_000 + i64::from(time.nanos) / 1000).to_string(),
        entry.actor.clone(),
        entry.action.clone(),
        entry.model.clone(),
        slot.join(","),
        entry.number.to_string(),
        entry.from_stage.clone(),
        entry.to_stage.clone(),
        u8::from(entry.done).to_string(),
        entry.detail.clone(),
        entry.generation.to_string(),
        entry.request_id.clone(),
        entry.fingerprint.clone(),
        entry.subject.clone(),
    ];
    let text = fields.map(|field| format!("{}:{field},", field.len())).concat();
    Digest::of(text.as_bytes()).to_string()
}

#[tokio::test]
async fn every_refused_change_leaves_one_entry() {
    // F31, F164
    let bench = Bench::start().await;
    let changes = changes();
    assert!(changes.len() >= 12, "{changes:?}");
    for (i, (path, action)) in changes.iter().enumerate() {
        let refused = call_empty(&bench, path).await.unwrap_err();
        let lines = bench.audit().await;
        assert_eq!(lines.len(), i + 1, "{path}");
        assert_eq!((&lines[0].action, lines[0].actor.as_str(), lines[0].done), (action, "ada", false));
        assert_eq!(lines[0].detail, refused.message(), "{path}");
    }
    assert_eq!(verify(&bench).await.checked, changes.len() as u64);
}

#[tokio::test]
async fn every_change_leaves_its_entries() {
    // F31, F164
    let bench = Bench::start().await;
    let model = pb::CreateModelRequest { name: "churn".into(), ..Default::default() };
    bench.model_service().create_model(model).await.unwrap();
    let manifest = bench.upload("{\"files\":{}}").await;
    for _ in 0..2 {
        bench.version_service().create_version(create_version("churn", manifest)).await.unwrap();
    }
    for number in [1, 2] {
        bench.version_service().record_validation(record_validation("churn", number, number - 1)).await.unwrap();
        bench.promote("churn", number).await.unwrap();
    }
    bench.alias_service().set_alias(set_alias("churn", "candidate", 1)).await.unwrap();
    bench.rollback("churn").await.unwrap();
    bench.promotion_service().demote(demote("churn")).await.unwrap();
    let snapshot =
        pb::CreateSnapshotRequest { dataset: "d".into(), digest: manifest.to_string(), ..Default::default() };
    bench.dataset_service().create_snapshot(snapshot).await.unwrap();
    let run = bench.run_service().create_run(create_run("churn")).await.unwrap().into_inner().run.unwrap().run_id;
    let finish = pb::FinishRunRequest { run_id: run, status: pb::RunStatus::Finished.into(), ..Default::default() };
    bench.run_service().finish_run(finish).await.unwrap();
    let done: Vec<_> = export(&bench, 0).await.into_iter().map(|line| (line.action, line.done)).collect();
    let expected = [
        "create_model",
        "upload_artifact",
        "create_version",
        "create_version",
        "record_validation",
        "promote",
        "record_validation",
        "archive",
        "promote",
        "set_alias",
        "archive",
        "rollback",
        "demote",
        "create_snapshot",
        "create_run",
        "finish_run",
    ];
    assert_eq!(done, expected.map(|action| (action.to_owned(), true)));
}

#[tokio::test]
async fn a_refusal_says_who_wanted_what_and_why_not() {
    // F31, F164
    let bench = Bench::start().await;
    let number = bench.register("churn").await.number;
    let before = bench.audit().await.len();

    let unknown = bench.alias_service().set_alias(set_alias("churn", "candidate", 7)).await.unwrap_err();
    let lie = [Part::Digest(Digest::of(b"truth").to_string()), Part::Chunk("lie".into())];
    let lie = stream::iter(lie.map(|part| pb::UploadArtifactRequest { part: Some(part) }));
    let lie = bench.artifact_service().upload_artifact(lie).await.unwrap_err();
    let unvalidated = bench.promote("churn", number).await.unwrap_err();
    let absent = bench.promote("churn", 7).await.unwrap_err();
    let nowhere = bench.promotion_service().rollback(rollback("nobody")).await.unwrap_err();

    let lines = bench.audit().await;
    let told: Vec<_> = lines[..lines.len() - before]
        .iter()
        .rev()
        .map(|line| (line.action.as_str(), line.model.as_str(), line.number, line.detail.as_str(), line.done))
        .collect();
    let expected = [
        ("set_alias", "churn", 7, unknown.message(), false),
        ("upload_artifact", "", 0, lie.message(), false),
        ("promote", "churn", number, unvalidated.message(), false),
        ("promote", "churn", 7, absent.message(), false),
        ("rollback", "nobody", 0, nowhere.message(), false),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn questions_leases_and_failures_leave_no_entry() {
    // F164
    let bench = Bench::start().await;
    let absent = pb::GetModelRequest { name: "nobody".into() };
    assert_eq!(reason(bench.model_service().get_model(absent).await).1, "MODEL_NOT_FOUND");
    assert_eq!(bench.beat("nobody", 0).await.unwrap_err().code(), Code::NotFound);
    tamper(&bench, "DROP TABLE models").await;
    let model = pb::CreateModelRequest { name: "churn".into(), ..Default::default() };
    assert_eq!(reason(bench.model_service().create_model(model).await).1, "INTERNAL");
    assert!(bench.audit().await.is_empty());
}

async fn tamper(bench: &Bench, statement: &str) {
    let file = format!("sqlite://{}", bench.database().display());
    let mut database = SqliteConnection::connect(&file).await.unwrap();
    sqlx::query(AssertSqlSafe(statement.to_owned())).execute(&mut database).await.unwrap();
}

#[tokio::test]
async fn what_is_exported_can_be_checked_without_the_registry() {
    // F31
    let bench = Bench::start().await;
    bench.crown("churn").await;
    let slot = crate::fixture::labels(&[("regime", "calm"), ("area", "eu")]);
    let elsewhere = pb::SetAliasRequest { slot, request_id: "a1".into(), ..set_alias("churn", "candidate", 1) };
    bench.alias_service().set_alias(elsewhere).await.unwrap();
    for i in 0..250 {
        let model = pb::CreateModelRequest { name: format!("m{i}"), ..Default::default() };
        bench.model_service().create_model(model).await.unwrap();
    }
    let lines = export(&bench, 0).await;
    let mut previous = Digest::of(b"default").to_string();
    for (line, sequence) in lines.iter().zip(1..) {
        assert_eq!(line.sequence, sequence);
        assert_eq!(line.digest, digest(&previous, line), "{line:?}");
        previous.clone_from(&line.digest);
    }
    let count = lines.len() as u64;
    let expected =
        pb::VerifyAuditResponse { checked: count, head_sequence: count, head_digest: previous, ..Default::default() };
    assert!(count > 250);
    assert_eq!(verify(&bench).await, expected);
    assert_eq!(export(&bench, count - 3).await, lines[lines.len() - 3..]);
    assert!(export(&bench, count).await.is_empty());
    assert!(export(&bench, u64::MAX).await.is_empty());
    let mut newest_first = bench.audit().await;
    newest_first.reverse();
    assert_eq!(newest_first, lines);
}

#[tokio::test]
async fn a_damaged_audit_is_told_by_sequence_and_fault() {
    // F31
    let bench = Bench::start().await;
    bench.crown("churn").await;
    let told = |found: &pb::VerifyAuditResponse| (found.checked, found.broken_sequence, found.fault());
    tamper(&bench, "DROP TRIGGER audit_is_never_changed").await;
    tamper(&bench, "DROP TRIGGER audit_is_never_deleted").await;
    let last = verify(&bench).await.head_sequence;
    tamper(&bench, &format!("DELETE FROM audit WHERE sequence = {last}")).await;
    assert_eq!(told(&verify(&bench).await), (last - 1, last, pb::AuditFault::Missing));
    tamper(&bench, "UPDATE audit SET actor = 'eve' WHERE sequence = 3").await;
    let found = verify(&bench).await;
    assert_eq!((told(&found), found.head_sequence), ((2, 3, pb::AuditFault::Altered), last));
    tamper(&bench, "UPDATE audit_heads SET sequence = 0").await;
    assert_eq!(told(&verify(&bench).await), (2, 3, pb::AuditFault::Altered), "the first break is told");
}

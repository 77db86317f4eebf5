//! A database that goes away around the commit: what became of it is found out, or said to be unknown.

use std::sync::Arc;

use lineal_db::DatabaseUrl;
use lineal_proto::lineal::registry::v1 as pb;
use sqlx::{Connection, SqliteConnection};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tonic::Code;

use crate::fixture::{Answer, Bench, Call, FakeReplica, Gate, Refusal, postgres, promote, until};

/// What happens between a registry and its PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Open,
    /// The next commit of a promotion is carried out and its answer lost, with the connection.
    Deaf,
    /// Every connection breaks, and no new one lasts.
    Cut,
}

/// A line that a test can break.
#[derive(Debug, Clone)]
struct Proxy {
    server: String,
    line: Arc<watch::Sender<Line>>,
}

impl Proxy {
    /// A line to a fresh schema, and its address.
    async fn start() -> (Self, DatabaseUrl) {
        let (url, schema) = postgres();
        let server = url.rsplit('@').next().unwrap().split('/').next().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = url.replace(&server, &listener.local_addr().unwrap().to_string());
        let proxy = Self { server, line: Arc::new(watch::Sender::new(Line::Open)) };
        let accepting = proxy.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(accepting.clone().carry(client));
            }
        });
        (proxy, DatabaseUrl::Postgres { url, schema })
    }

    fn set(&self, line: Line) {
        self.line.send_replace(line);
    }

    async fn carry(self, mut client: TcpStream) {
        let mut server = TcpStream::connect(&self.server).await.unwrap();
        let mut line = self.line.subscribe();
        let (mut asked, mut answered) = ([0; 16 << 10], [0; 16 << 10]);
        let mut promoting = false;
        while *line.borrow() != Line::Cut {
            let holds = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
            tokio::select! {
                _ = line.changed() => {}
                read = client.read(&mut asked) => {
                    let Ok(n @ 1..) = read else { return };
                    server.write_all(&asked[..n]).await.unwrap();
                    promoting |= holds(&asked[..n], "INSERT INTO generations");
                    if promoting && *line.borrow() == Line::Deaf && holds(&asked[..n], "COMMIT") {
                        assert!(server.read(&mut answered).await.unwrap() > 0, "the server has answered");
                        self.set(Line::Open);
                        return;
                    }
                }
                read = server.read(&mut answered) => {
                    let Ok(n @ 1..) = read else { return };
                    if client.write_all(&answered[..n]).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_found_out() {
    // F6
    let (proxy, database) = Proxy::start().await;
    let bench = Bench::on_postgres(&database).await;
    let replica = FakeReplica::join(&bench, "r1").await;
    let number = bench.candidate("churn").await;
    proxy.set(Line::Deaf);
    let request = pb::PromoteRequest { request_id: "p1".into(), ..promote("churn", number) };
    let done = bench.promotion_service().promote(request).await.unwrap().into_inner().promotion.unwrap();
    assert_eq!(*proxy.line.borrow(), Line::Open, "an answer was lost");
    assert_eq!((done.state(), done.generation), (pb::PromotionState::Converged, 1));
    assert!(done.commit_time.is_some());
    assert_eq!(bench.champion("churn").await, number);
    assert_eq!(replica.calls(), [Call::Prepare(1), Call::Reload(1)]);
    assert_eq!(bench.promotion(&done.promotion_id).await, done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outcome_that_nobody_can_tell_is_called_unknown_and_settles_by_itself() {
    // F6
    let (proxy, database) = Proxy::start().await;
    let bench = Bench::on_postgres(&database).await;
    let replica = FakeReplica::join(&bench, "r1").await;
    let gate = Gate::closed();
    replica.on_prepare(Answer::Late(gate.clone()));
    let number = bench.candidate("churn").await;
    let request = pb::PromoteRequest { request_id: "p1".into(), ..promote("churn", number) };
    let (mut service, asked) = (bench.promotion_service(), request.clone());
    let moving = tokio::spawn(async move { Refusal::of(service.promote(asked).await) });
    replica.until_called(Call::Prepare(1)).await;
    proxy.set(Line::Cut);
    gate.open();
    let unknown = moving.await.unwrap();
    assert_eq!((unknown.code, unknown.reason.as_str()), (Code::Unavailable, "OUTCOME_UNKNOWN"));
    assert_eq!(unknown.value("request_id"), "p1");
    assert!(unknown.message.contains("request id `p1`"), "{}", unknown.message);

    proxy.set(Line::Open);
    until("the database is back", || async { bench.registry.look_after_promotions().await.is_ok() }).await;
    let left = bench.promotion(unknown.value("promotion")).await;
    assert_eq!((left.state(), left.under_way), (pb::PromotionState::Cancelled, false), "without a restart");
    let done = bench.promotion_service().promote(request).await.unwrap().into_inner().promotion.unwrap();
    assert_eq!((done.generation, bench.champion("churn").await), (1, number));
}

#[tokio::test]
async fn a_commit_that_fails_ends_its_promotion_at_once() {
    // F6
    let bench = Bench::start().await;
    let replica = FakeReplica::join(&bench, "r1").await;
    let number = bench.candidate("churn").await;
    let file = format!("sqlite://{}", bench.database().display());
    let mut database = SqliteConnection::connect(&file).await.unwrap();
    sqlx::query("CREATE TRIGGER no_reign BEFORE INSERT ON reigns BEGIN SELECT RAISE(ABORT, 'no'); END")
        .execute(&mut database)
        .await
        .unwrap();
    let failed = Refusal::of(bench.promotion_service().promote(promote("churn", number)).await);
    assert_eq!((failed.code, failed.reason.as_str()), (Code::Internal, "INTERNAL"));
    let kept = bench.promotions().await.remove(0);
    assert_eq!((kept.state(), kept.under_way), (pb::PromotionState::Refused, false));
    assert_eq!((bench.champion("churn").await, bench.generation().await), (0, 0));
    let digest = bench.version("churn", number).await.digest;
    assert_eq!(replica.calls(), [Call::Prepare(1), Call::Release(digest)]);
    sqlx::query("DROP TRIGGER no_reign").execute(&mut database).await.unwrap();
    bench.promote("churn", number).await.unwrap();
}

//! Rows from databases, folders and servers.

use std::{
    fmt::Write as _,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    path::Path,
    sync::Arc,
    thread,
};

use lineal_data::{Snapshot, Table};
use lineal_db::DatabaseUrl;
use lineal_kernel::{Digest, Timestamp};
use lineal_proto::lineal::trainer::v1::{self as pb, source_service_server::SourceService as _};
use lineal_rpc::reason_of;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection, sqlite::SqliteConnectOptions,
};
use tonic::{Code, Request, Status};

use super::{
    lab::{Lab, customers, entry, postgres_url},
    reproductions::{assert_reproduced, reproduce},
};
use crate::{
    domain::{CreateImport, FailureReason, Import, ImportDraft, JobState, SourceFormat},
    grpc::TrainerGrpc,
};

async fn import(lab: &Lab, request: pb::CreateImportRequest) -> Result<pb::Import, Status> {
    let grpc = TrainerGrpc::new(Arc::clone(&lab.app));
    let request = pb::CreateImportRequest { dataset: "customers".to_owned(), ..request };
    Ok(grpc.create_import(Request::new(request)).await?.into_inner().import.unwrap())
}

fn query(source: &str, query: &str) -> pb::CreateImportRequest {
    pb::CreateImportRequest { source: source.to_owned(), query: query.to_owned(), ..Default::default() }
}

fn file(source: &str, path: &str) -> pb::CreateImportRequest {
    pb::CreateImportRequest { source: source.to_owned(), path: path.to_owned(), ..Default::default() }
}

/// The rows that an import kept, read from the artifact store under its digest.
fn rows(lab: &Lab, import: &pb::Import) -> Table {
    let digest: Digest = import.data.as_ref().unwrap().digest.parse().unwrap();
    Snapshot::open(lab.registry.known().artifacts[&digest].clone(), digest).unwrap()
}

/// Runs statements on a file of SQLite.
async fn sqlite(path: &Path, statements: &str) {
    let mut connection = SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap();
    connection.execute(sqlx::raw_sql(AssertSqlSafe(statements.to_owned()))).await.unwrap();
    connection.close().await.unwrap();
}

/// A laboratory with the source `shop`, a file of SQLite.
async fn with_shop(statements: &str) -> Lab {
    let mut lab = Lab::new().await;
    let path = lab.folder().join("shop.db");
    sqlite(&path, statements).await;
    lab.restart_on("shop", &format!("sqlite://{}", path.display()));
    lab
}

pub(super) async fn an_import_is_kept_once_and_found_again(lab: &Lab) {
    let draft = |query: &str, path: &str, request_id: &str| {
        let text = str::to_owned;
        let (dataset, source) = (text("customers"), text("shop"));
        ImportDraft {
            dataset,
            source,
            query: text(query),
            path: text(path),
            format: None,
            request_id: text(request_id),
        }
    };
    let made = |id: &str, draft: ImportDraft, rows: Option<u64>| Import {
        id: id.to_owned(),
        wish: CreateImport::check(&draft).unwrap(),
        digest: Digest::of(b"rows"),
        rows,
        bytes: 7,
        actor: "ada".to_owned(),
        create_time: Timestamp::from_micros(5),
    };
    let first = made("i1", draft("select 1", "", "r1"), Some(3));
    let second = made("i2", draft("", "a.csv", "r2"), None);
    assert_eq!(lab.store.add_import(&first).await.unwrap(), first);
    assert_eq!(lab.store.add_import(&made("i3", draft("select 2", "", "r1"), None)).await.unwrap(), first);
    assert_eq!(lab.store.add_import(&second).await.unwrap(), second);
    let (dataset, request_id) = (&first.wish.dataset, &second.wish.request_id);
    assert_eq!(lab.store.import_by_request(request_id).await.unwrap(), Some(second.clone()));
    assert_eq!(lab.store.import_of(dataset, first.digest).await.unwrap(), Some(second.clone()));
    assert_eq!(lab.store.import_of(dataset, Digest::of(b"others")).await.unwrap(), None);
    assert_eq!(lab.store.imports(dataset, None, 1).await.unwrap(), [second]);
    assert_eq!(lab.store.imports(dataset, Some("i2"), 5).await.unwrap(), [first]);
}

#[tokio::test]
async fn the_rows_of_a_query_are_the_snapshot_that_a_file_of_them_makes() {
    // F58
    let lab = with_shop(
        "create table customers (id integer, charge, plan text, note, odd);
         insert into customers values (2, 3, 'b', null, 1.5), (1, null, '', null, 2), (3, 0.25, 'c', null, -1)",
    )
    .await;
    let made =
        import(&lab, query("shop", "select id, charge, plan, note, odd from customers order by id;")).await.unwrap();
    let expected = Table::from_csv(b"id,charge,plan,note,odd\n1,,,,2\n2,3,b,,1.5\n3,0.25,c,,-1\n").unwrap();
    assert_eq!(rows(&lab, &made), expected);
    let snapshot = Snapshot::of(&expected).unwrap();
    assert_eq!((made.data.as_ref().unwrap().digest.as_str(), made.rows), (snapshot.digest.to_string().as_str(), 3));
    assert_eq!(made.size_bytes, snapshot.bytes.len() as u64);
    assert_eq!(lab.registry.known().snapshots[0].columns, ["id", "charge", "plan", "note", "odd"]);
    // Nothing lies about once it is over.
    assert_eq!(std::fs::read_dir(lab.folder().join("scratch")).unwrap().count(), 0);
}

#[tokio::test]
async fn many_rows_come_in_parts_and_are_the_same_snapshot() {
    // F58
    let lab = with_shop("create table t (x)").await;
    let counted = "with recursive n(i) as (values (0) union all select i + 1 from n where i < 19999) \
                   select i, i % 7 as r, 'row ' || i as t from n order by i";
    let made = import(&lab, query("shop", counted)).await.unwrap();
    let mut csv = "i,r,t\n".to_owned();
    (0..20_000).for_each(|i| writeln!(csv, "{i},{},row {i}", i % 7).unwrap());
    let expected = Snapshot::of(&Table::from_csv(csv.as_bytes()).unwrap()).unwrap();
    assert_eq!((made.data.unwrap().digest, made.rows), (expected.digest.to_string(), 20_000));
}

#[tokio::test]
async fn a_query_reads_and_does_nothing_else() {
    let lab = with_shop("create table t (x); insert into t values (1)").await;
    let before = std::fs::read(lab.folder().join("shop.db")).unwrap();
    for text in ["delete from t", "select 1; delete from t", "vacuum into 'copy.db'", "pragma user_version = 7"] {
        let refused = import(&lab, query("shop", text)).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason_of(&refused).as_deref()),
            (Code::InvalidArgument, Some("INVALID_FIELD")),
            "{text}"
        );
    }
    // A statement that begins like one that reads.
    let refused = import(&lab, query("shop", "with a as (select 1) insert into t select * from a")).await.unwrap_err();
    assert_eq!((refused.code(), reason_of(&refused).as_deref()), (Code::FailedPrecondition, Some("SOURCE_REFUSED")));
    assert!(refused.message().contains("readonly database"), "{refused}");
    assert_eq!(std::fs::read(lab.folder().join("shop.db")).unwrap(), before);
}

#[tokio::test]
async fn a_query_reaches_no_file_but_its_own() {
    let lab = with_shop("create table t (day); insert into t values (1)").await;
    sqlite(&lab.folder().join("other.db"), "create table s (secret); insert into s values (42)").await;
    let path = |name: &str| lab.folder().join(name).display().to_string();
    for opening in ["$1(')", "@a(')", "#a(')", ":a(')", "$a::b(')"] {
        for statements in [
            format!("attach '{}' as o; begin; select * from o.s; commit; detach o; begin", path("other.db")),
            format!("vacuum into '{}'; begin; select 1 as a", path("copy.db")),
        ] {
            let text = format!("select {opening} as a where 0; commit; {statements} --'");
            let refused = import(&lab, query("shop", &text)).await.unwrap_err();
            assert_eq!(reason_of(&refused).as_deref(), Some("SOURCE_REFUSED"), "{text}: {refused}");
            assert!(refused.message().contains("is a parameter"), "{text}: {refused}");
        }
    }
    assert!(lab.registry.known().artifacts.is_empty() && !lab.folder().join("copy.db").exists());
    // It would be NULL, and every row be left out.
    let silent = import(&lab, query("shop", "select day from t where day > :day")).await.unwrap_err();
    assert!(silent.message().contains("source `shop` refused: `:day` is a parameter and has no value"), "{silent}");
    assert!(import(&lab, query("shop", "select day as [:day] from t where day <> ':day' -- $1")).await.is_ok());
}

#[tokio::test]
async fn what_no_table_can_hold_is_named() {
    let lab = with_shop("create table t (x, y); insert into t values (1, x'00'), ('one', null)").await;
    for (text, reason, problem) in [
        ("select y from t", "DATA_UNREADABLE", "column `y` has type BLOB"),
        ("select x from t", "DATA_UNREADABLE", "column `x` has type TEXT among numbers"),
        ("select x from t where x = 7", "DATA_UNREADABLE", "no rows"),
        ("select x, x from t limit 1", "DATA_UNREADABLE", "column `x` appears twice"),
        ("select z from t", "SOURCE_REFUSED", "source `shop` refused: no such column: z"),
    ] {
        let refused = import(&lab, query("shop", text)).await.unwrap_err();
        assert_eq!(reason_of(&refused).as_deref(), Some(reason), "{text}: {refused}");
        assert!(refused.message().contains(problem), "{text}: {refused}");
    }
    assert!(lab.registry.known().artifacts.is_empty());
    let kind = import(&lab, file("shop", "a.csv")).await.unwrap_err();
    assert!(kind.message().contains("source `shop` is a database, give a query"), "{kind}");
    let nobody = import(&lab, query("nobody", "select 1")).await.unwrap_err();
    assert_eq!(reason_of(&nobody).as_deref(), Some("SOURCE_NOT_FOUND"));
}

#[tokio::test]
async fn an_import_is_made_once_and_listed() {
    let lab = with_shop("create table t (x); insert into t values (1)").await;
    let asked = pb::CreateImportRequest { request_id: "r1".to_owned(), ..query("shop", "select x from t") };
    let made = import(&lab, asked.clone()).await.unwrap();
    sqlite(&lab.folder().join("shop.db"), "insert into t values (2)").await;
    assert_eq!(import(&lab, asked.clone()).await.unwrap(), made);
    let other = pb::CreateImportRequest { query: "select 2".to_owned(), ..asked };
    let reused = import(&lab, other).await.unwrap_err();
    assert_eq!((reused.code(), reason_of(&reused).as_deref()), (Code::AlreadyExists, Some("REQUEST_ID_REUSED")));
    let later = import(&lab, query("shop", "select x from t")).await.unwrap();
    assert_ne!(later.data, made.data);
    let grpc = TrainerGrpc::new(Arc::clone(&lab.app));
    let list = |page_token: String| {
        Request::new(pb::ListImportsRequest { dataset: "customers".to_owned(), page_size: 1, page_token })
    };
    let first = grpc.list_imports(list(String::new())).await.unwrap().into_inner();
    let second = grpc.list_imports(list(first.next_page_token)).await.unwrap().into_inner();
    assert_eq!((first.imports, second.imports, second.next_page_token.as_str()), (vec![later], vec![made], ""));
    let sources = grpc.list_sources(Request::new(pb::ListSourcesRequest::default())).await.unwrap().into_inner();
    assert!(sources.sources[0].address.ends_with("shop.db") && sources.next_page_token.is_empty());
}

#[tokio::test]
async fn a_version_is_trained_again_from_what_was_imported_although_the_source_has_changed() {
    // F94
    let mut statements = "create table customers (calls, minutes, churn);".to_owned();
    for line in String::from_utf8(customers(120)).unwrap().lines().skip(1) {
        let fields: Vec<_> = line.split(',').collect();
        write!(statements, "insert into customers values ({}, {}, '{}');", fields[0], fields[1], fields[2]).unwrap();
    }
    let mut lab = with_shop(&statements).await;
    let asked = query("shop", "select calls, minutes, churn from customers order by rowid");
    let made = import(&lab, asked.clone()).await.unwrap();
    let job = lab
        .create(b"", |spec| {
            spec.source_digest = made.data.clone().unwrap().digest;
            spec.format = Some(SourceFormat::Parquet);
        })
        .await;
    let job = lab.finish(&job).await;
    assert_eq!((job.state, job.error.as_str()), (JobState::Succeeded, ""));
    let log = lab.registry.known().runs.values().last().unwrap().log.clone();
    assert_eq!(entry(&log.parameters, "import.source"), "shop");
    assert_eq!(entry(&log.parameters, "import.query"), made.query);
    assert_eq!(entry(&log.parameters, "import.query_digest"), made.query_digest);
    assert!(entry(&log.parameters, "import.time").starts_with("2025-01-15T14:30:22"));

    sqlite(&lab.folder().join("shop.db"), "update customers set calls = calls + 1, churn = 'no' where calls < 3").await;
    assert_ne!(import(&lab, asked).await.unwrap().data, made.data);
    std::fs::remove_file(lab.folder().join("shop.db")).unwrap();
    let again = reproduce(&lab, "churn", 1, 1).await;
    assert_reproduced(&again);
    assert_eq!(job.digest, Some(lab.registry.known().versions[0].1.digest));
}

#[tokio::test]
async fn every_type_of_postgresql_that_a_table_can_hold_is_read() {
    let DatabaseUrl::Postgres { url, schema } = postgres_url() else { panic!() };
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let statements = format!(
        "create schema {schema};
         create table {schema}.t (a smallint, b integer, c bigint, d real, e double precision, f numeric, g text, h varchar(9),
             i char(3), j uuid, k date, l timestamp, m timestamptz, n boolean, o bytea);
         insert into {schema}.t values (1, -2, 9007199254740993, 0.5, 'NaN', 12345.678, 'x', '', 'abc',
             '0198c0de-7000-7000-8000-000000000000', '2025-01-15', '2025-01-15 14:30:22.5', '2025-01-15 14:30:22+01', true, null);
         insert into {schema}.t (a) values (2)"
    );
    connection.execute(sqlx::raw_sql(AssertSqlSafe(statements))).await.unwrap();
    let mut lab = Lab::new().await;
    lab.restart_on("warehouse", &url);
    let columns = "a, b, c, d, e, f, g, h, i, j, k, l, m, n";
    let made = import(&lab, query("warehouse", &format!("select {columns} from {schema}.t order by a"))).await.unwrap();
    let csv = "a,b,c,d,e,f,g,h,i,j,k,l,m\n\
               1,-2,9007199254740993,0.5,,12345.678,x,?,abc,0198c0de-7000-7000-8000-000000000000,2025-01-15,\
               2025-01-15T14:30:22.5Z,2025-01-15T13:30:22Z\n2,,,,,,,?,,,,,\n";
    let (found, expected) = (rows(&lab, &made), Table::from_csv(csv.as_bytes()).unwrap());
    for name in ["a", "b", "c", "d", "f", "g", "i", "j", "k", "l", "m"] {
        // Compared as texts: a missing number is equal to nothing.
        assert_eq!(format!("{:?}", found.column(name)), format!("{:?}", expected.column(name)), "{name}");
    }
    for (name, shown) in
        [("e", "Ok(Numbers([NaN, NaN]))"), ("h", "Ok(Texts([None, None]))"), ("n", "Ok(Texts([Some(\"true\"), None]))")]
    {
        assert_eq!(format!("{:?}", found.column(name)), shown, "{name}");
    }
    for (text, reason, problem) in [
        (format!("select o from {schema}.t"), "DATA_UNREADABLE", "column `o` has type bytea"),
        (
            format!("with x as (delete from {schema}.t returning a) select * from x"),
            "SOURCE_REFUSED",
            "read-only transaction",
        ),
        (format!("select a from {schema}.t; delete from {schema}.t"), "INVALID_FIELD", "more than one statement"),
        (format!("select nothing from {schema}.t"), "SOURCE_REFUSED", "does not exist"),
    ] {
        let refused = import(&lab, query("warehouse", &text)).await.unwrap_err();
        assert_eq!(reason_of(&refused).as_deref(), Some(reason), "{text}: {refused}");
        assert!(refused.message().contains(problem), "{text}: {refused}");
    }
    let left: i64 = sqlx::query_scalar(AssertSqlSafe(format!("select count(*) from {schema}.t")))
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(left, 2);
}

#[tokio::test]
async fn a_source_that_is_away_is_told_without_its_password() {
    let mut lab = Lab::new().await;
    lab.restart_on("away", "postgres://ada:hush@127.0.0.1:1/shop");
    let away = import(&lab, query("away", "select 1")).await.unwrap_err();
    assert_eq!((away.code(), reason_of(&away).as_deref()), (Code::Unavailable, Some("SOURCE_UNAVAILABLE")));
    assert!(away.message().contains("source `away` cannot be reached") && !away.message().contains("hush"), "{away}");
    let grpc = TrainerGrpc::new(Arc::clone(&lab.app));
    let listed = grpc.list_sources(Request::new(pb::ListSourcesRequest::default())).await.unwrap().into_inner();
    assert_eq!(listed.sources[0].address, "postgres://127.0.0.1:1/shop");
}

#[tokio::test]
async fn a_file_of_a_folder_is_kept_as_it_is() {
    let mut lab = Lab::new().await;
    let folder = lab.folder().join("lake");
    std::fs::create_dir_all(folder.join("2025")).unwrap();
    std::fs::write(folder.join("2025/churn.csv"), customers(50)).unwrap();
    lab.restart_on("lake", &format!("file://{}", folder.display()));
    let made = import(&lab, file("lake", "2025/churn.csv")).await.unwrap();
    let data = made.data.clone().unwrap();
    assert_eq!((data.digest, data.format), (Digest::of(&customers(50)).to_string(), pb::SourceFormat::Csv.into()));
    assert_eq!((made.rows, made.size_bytes), (0, customers(50).len() as u64));
    let absent = import(&lab, file("lake", "2024/churn.csv")).await.unwrap_err();
    assert_eq!(reason_of(&absent).as_deref(), Some("SOURCE_REFUSED"));
    assert!(absent.message().contains("it has no such file"), "{absent}");
    let outside = import(&lab, file("lake", "../trainer.db")).await.unwrap_err();
    assert_eq!(reason_of(&outside).as_deref(), Some("INVALID_FIELD"));
    let kind = import(&lab, query("lake", "select 1")).await.unwrap_err();
    assert!(kind.message().contains("is a folder of files, give the path of a file"), "{kind}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_a_web_server_is_kept_as_it_is() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
        let asked = lines.next().unwrap();
        lines.find(String::is_empty).unwrap();
        let content = customers(50);
        let head =
            "HTTP/1.1 200 OK\r\nConnection: close\r\nLast-Modified: Wed, 15 Jan 2025 14:30:22 GMT\r\nETag: \"1\"";
        write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n", content.len()).unwrap();
        stream.write_all(&content).unwrap();
        asked
    });
    let mut lab = Lab::new().await;
    lab.restart_on("web", &format!("http://{address}/rows"));
    let made = import(&lab, file("web", "churn.csv")).await.unwrap();
    assert_eq!(made.data.unwrap().digest, Digest::of(&customers(50)).to_string());
    assert_eq!(server.join().unwrap(), "GET /rows/churn.csv HTTP/1.1");
}

#[tokio::test]
async fn a_disk_without_room_fails_the_job_at_once_and_says_where() {
    let mut lab = Lab::new().await;
    let job = lab.create(&customers(100), |_| {}).await;
    lab.registry.known().full = Some("the artifact store is full and nothing was kept; free space there and try again");
    let job = lab.finish(&job).await;
    assert_eq!((job.state, job.reason, job.attempt), (JobState::Failed, Some(FailureReason::StorageFull), 1));
    assert!(job.error.starts_with("load: the artifact store is full"), "{}", job.error);
    assert!(lab.registry.known().versions.is_empty());
    // The trainer's own disk: a file stands where its folder should be.
    lab.registry.known().full = None;
    std::fs::remove_dir_all(lab.folder().join("scratch")).unwrap();
    std::fs::write(lab.folder().join("scratch"), b"").unwrap();
    let job = lab.create(&customers(100), |_| {}).await;
    let job = lab.finish(&job).await;
    assert_eq!((job.state, job.reason, job.attempt), (JobState::Failed, Some(FailureReason::StorageFull), 1));
    assert!(job.error.contains("the scratch folder `") && job.error.contains("free space there"), "{}", job.error);
}

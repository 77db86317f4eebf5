//! `SplitService`.

use async_trait::async_trait;
use lineal_data::{SplitKind, SplitRule, TestPart};
use lineal_kernel::{FieldError, FieldErrors, Name, PageRequest, PageToken, Timestamp};
use lineal_proto::lineal::trainer::v1::{self as pb, split_service_server::SplitService};
use lineal_rpc::caller_of;
use tonic::{Request, Response, Status};

use super::{TrainerGrpc, datasets::dataset, status};
use crate::domain::{DEFAULT_FRACTION, NamedSplit, TrainerError, time_cut, window};

#[async_trait]
impl SplitService for TrainerGrpc {
    async fn create_split(
        &self,
        request: Request<pb::CreateSplitRequest>,
    ) -> Result<Response<pb::CreateSplitResponse>, Status> {
        let caller = caller_of(&request);
        let asked = named(request.into_inner().split.unwrap_or_default()).map_err(status::invalid)?;
        let created = self.app.create_split(&caller, asked).await.map_err(status::from_error)?;
        Ok(Response::new(pb::CreateSplitResponse { split: Some(split(created)?) }))
    }

    async fn get_split(&self, request: Request<pb::GetSplitRequest>) -> Result<Response<pb::GetSplitResponse>, Status> {
        let request = request.into_inner();
        let dataset = dataset(&request.dataset)?;
        let name = Name::new(&request.name).map_err(|error| status::invalid(error.under("name").into()))?;
        let found = self.app.get_split(&dataset, &name).await.map_err(status::from_error)?;
        Ok(Response::new(pb::GetSplitResponse { split: Some(split(found)?) }))
    }

    async fn list_splits(
        &self,
        request: Request<pb::ListSplitsRequest>,
    ) -> Result<Response<pb::ListSplitsResponse>, Status> {
        let request = request.into_inner();
        let dataset = dataset(&request.dataset)?;
        let query = format!("splits\n{dataset}");
        let page = PageRequest::new(request.page_size, &request.page_token, &query);
        let page = page.map_err(|error| status::invalid(error.into()))?;
        let (splits, next) = self.app.list_splits(&dataset, &page).await.map_err(status::from_error)?;
        let next_page_token = next.map(|name| PageToken::seal(&name, &query)).unwrap_or_default();
        let splits = splits.into_iter().map(split).collect::<Result<_, _>>()?;
        Ok(Response::new(pb::ListSplitsResponse { splits, next_page_token }))
    }
}

fn named(asked: pb::Split) -> Result<NamedSplit, FieldErrors> {
    let kind = kind(&asked)?;
    let test = |test: pb::SplitTest| TestPart { name: test.name, fraction: test.fraction };
    let window = asked.window.map(|asked| window(asked.column, asked.start, asked.end, asked.horizon_seconds));
    let rule = SplitRule {
        version: asked.name.clone(),
        seed: asked.seed.unwrap_or_else(|| SplitRule::seed_of(&asked.name)),
        reference_fraction: if asked.reference_fraction == 0.0 { DEFAULT_FRACTION } else { asked.reference_fraction },
        kind,
        tests: asked.tests.into_iter().map(test).collect(),
        window,
        scope: asked.scope,
    };
    NamedSplit::check(&asked.dataset, &asked.name, rule)
}

fn kind(asked: &pb::Split) -> Result<SplitKind, FieldError> {
    let one = || match asked.columns.as_slice() {
        [column] => Ok(column.clone()),
        _ => Err(FieldError::new("split.columns", "this kind looks at one column, name it")),
    };
    let cut = match asked.cut_time.as_str() {
        "" => None,
        text => Some(text.parse::<Timestamp>().map_err(|error| error.under("split.cut_time"))?),
    };
    let kind = match asked.kind() {
        pb::SplitKind::Unspecified | pb::SplitKind::Row if asked.columns.is_empty() => SplitKind::Row,
        pb::SplitKind::Unspecified | pb::SplitKind::Row => {
            return Err(FieldError::new("split.columns", "this kind looks at whole rows, leave them out"));
        }
        pb::SplitKind::Group => SplitKind::Group(asked.columns.clone()),
        pb::SplitKind::Stratified => SplitKind::Stratified(one()?),
        pb::SplitKind::Time => SplitKind::Time(time_cut(one()?, cut)),
    };
    if cut.is_some() && !matches!(kind, SplitKind::Time(_)) {
        return Err(FieldError::new("split.cut_time", "only a split by time has a cut"));
    }
    Ok(kind)
}

fn split(split: NamedSplit) -> Result<pb::Split, Status> {
    let corrupt = |error: lineal_data::DataError| {
        status::from_error(TrainerError::Store(lineal_db::StoreError::Backend(error.into())))
    };
    let digest = split.rule.digest().map_err(corrupt)?.to_string();
    let (kind, columns, cut) = match split.rule.kind {
        SplitKind::Row => (pb::SplitKind::Row, Vec::new(), None),
        SplitKind::Group(columns) => (pb::SplitKind::Group, columns, None),
        SplitKind::Stratified(column) => (pb::SplitKind::Stratified, vec![column], None),
        SplitKind::Time(cut) => (pb::SplitKind::Time, vec![cut.column], cut.starts.first().copied()),
    };
    let test = |test: TestPart| pb::SplitTest { name: test.name, fraction: test.fraction };
    Ok(pb::Split {
        dataset: split.dataset.to_string(),
        name: split.name.to_string(),
        kind: kind.into(),
        columns,
        reference_fraction: split.rule.reference_fraction,
        cut_time: cut.map(|micros| Timestamp::from_micros(micros).to_string()).unwrap_or_default(),
        tests: split.rule.tests.into_iter().map(test).collect(),
        window: split.rule.window.map(|window| pb::SplitWindow {
            column: window.column,
            start: window.start.unwrap_or_default(),
            end: window.end.unwrap_or_default(),
            horizon_seconds: window.horizon_seconds,
        }),
        scope: split.rule.scope,
        seed: Some(split.rule.seed),
        digest,
        reference_digest: split.reference.map(|digest| digest.to_string()).unwrap_or_default(),
    })
}

//! Which jobs a listing wants.

use lineal_kernel::{FieldError, FieldErrors, ModelName, PageRequest};
use lineal_proto::lineal::trainer::v1 as pb;

use super::convert::moment;
use crate::domain::{JobFilter, JobState, storable};

pub(super) fn list_jobs(request: &pb::ListJobsRequest) -> Result<(JobFilter, PageRequest), FieldErrors> {
    let mut errors = FieldErrors::default();
    let model = match request.model.as_str() {
        "" => Some(None),
        model => errors.check(ModelName::new(model).map(Some).map_err(|error| error.under("model"))),
    };
    let state = match pb::JobState::try_from(request.state) {
        Ok(state) => Some(wanted(state)),
        Err(_) => errors.check(Err(FieldError::new("state", "unknown, see JobState"))),
    };
    let tag = match (request.tag.as_str(), request.tag.split_once('=')) {
        ("", _) => Some(None),
        (_, Some((name, value))) if !name.is_empty() => {
            Some(Some((storable(name.to_owned()), storable(value.to_owned()))))
        }
        _ => errors.check(Err(FieldError::new("tag", "a tag is name=value, e.g. team=growth"))),
    };
    let page = errors.check(PageRequest::new(request.page_size, &request.page_token, &query_of(request)));
    let text = |text: &String| Some(storable(text.clone())).filter(|text| !text.is_empty());
    errors.into_result(|| {
        let filter = JobFilter {
            model: model?,
            state: state?,
            experiment: text(&request.experiment),
            pipeline: text(&request.pipeline_id),
            node: text(&request.node_id),
            actor: text(&request.actor),
            tag: tag?,
            created_from: request.created_from_time.map(moment),
            created_to: request.created_to_time.map(moment),
        };
        Some((filter, page?))
    })
}

/// What a page token of this listing belongs to.
pub(super) fn query_of(request: &pb::ListJobsRequest) -> String {
    let first_page = pb::ListJobsRequest { page_size: 0, page_token: String::new(), ..request.clone() };
    format!("jobs\n{first_page:?}")
}

fn wanted(state: pb::JobState) -> Option<JobState> {
    match state {
        pb::JobState::Unspecified => None,
        pb::JobState::Queued => Some(JobState::Queued),
        pb::JobState::Running => Some(JobState::Running),
        pb::JobState::Suspended => Some(JobState::Suspended),
        pb::JobState::Succeeded => Some(JobState::Succeeded),
        pb::JobState::Failed => Some(JobState::Failed),
        pb::JobState::Cancelled => Some(JobState::Cancelled),
    }
}

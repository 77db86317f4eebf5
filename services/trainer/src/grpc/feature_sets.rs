//! `FeatureSetService`.

use async_trait::async_trait;
use lineal_kernel::{ModelName, Name, PageRequest};
use lineal_proto::lineal::trainer::v1::{self as pb, feature_set_service_server::FeatureSetService};
use lineal_rpc::caller_of;
use tonic::{Request, Response, Status};

use super::{TrainerGrpc, feature_set_convert as convert, page, status};

#[async_trait]
impl FeatureSetService for TrainerGrpc {
    async fn create_feature_set(
        &self,
        request: Request<pb::CreateFeatureSetRequest>,
    ) -> Result<Response<pb::CreateFeatureSetResponse>, Status> {
        let caller = caller_of(&request);
        let wish = convert::wish(request.into_inner().feature_set.unwrap_or_default()).map_err(status::invalid)?;
        let created = self.app.create_feature_set(&caller, wish).await.map_err(status::from_error)?;
        Ok(Response::new(pb::CreateFeatureSetResponse { feature_set: Some(convert::named(created)?) }))
    }

    async fn get_feature_set(
        &self,
        request: Request<pb::GetFeatureSetRequest>,
    ) -> Result<Response<pb::GetFeatureSetResponse>, Status> {
        let request = request.into_inner();
        let model = model(&request.model)?;
        let name = Name::new(&request.name).map_err(|error| status::invalid(error.under("name").into()))?;
        let found = self.app.feature_set(&model, &name).await.map_err(status::from_error)?;
        Ok(Response::new(pb::GetFeatureSetResponse { feature_set: Some(convert::named(found)?) }))
    }

    async fn list_feature_sets(
        &self,
        request: Request<pb::ListFeatureSetsRequest>,
    ) -> Result<Response<pb::ListFeatureSetsResponse>, Status> {
        let request = request.into_inner();
        let model = model(&request.model)?;
        let query = format!("feature sets\n{model}");
        let page = PageRequest::new(request.page_size, &request.page_token, &query);
        let page = page.map_err(|error| status::invalid(error.into()))?;
        let (sets, next) = self.app.feature_sets(&model, &page).await.map_err(status::from_error)?;
        let sets = sets.into_iter().map(convert::named).collect::<Result<_, _>>()?;
        let (feature_sets, next_page_token) = page::fitting(sets, next, &query, |set| &set.name);
        Ok(Response::new(pb::ListFeatureSetsResponse { feature_sets, next_page_token }))
    }
}

fn model(text: &str) -> Result<ModelName, Status> {
    ModelName::new(text).map_err(|error| status::invalid(error.under("model").into()))
}

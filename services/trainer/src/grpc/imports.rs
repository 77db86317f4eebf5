//! `SourceService`.

use async_trait::async_trait;
use lineal_kernel::{PageRequest, PageToken};
use lineal_proto::lineal::trainer::v1::{self as pb, source_service_server::SourceService};
use lineal_rpc::{caller_of, timestamp};
use tonic::{Request, Response, Status};

use super::{TrainerGrpc, convert, datasets::dataset, page, status};
use crate::domain::{CreateImport, Import, ImportDraft, Wanted};

#[async_trait]
impl SourceService for TrainerGrpc {
    async fn list_sources(
        &self,
        request: Request<pb::ListSourcesRequest>,
    ) -> Result<Response<pb::ListSourcesResponse>, Status> {
        let request = request.into_inner();
        let query = "sources";
        let page = PageRequest::new(request.page_size, &request.page_token, query);
        let page = page.map_err(|error| status::invalid(error.into()))?;
        let after = page.after.as_deref().unwrap_or_default();
        let mut rest = self.app.sources().filter(|(name, _)| name.as_str() > after);
        let source =
            |(name, address): (&lineal_kernel::Name, String)| pb::NamedSource { name: name.to_string(), address };
        let sources: Vec<_> = rest.by_ref().take(page.size as usize).map(source).collect();
        let next = sources.last().filter(|_| rest.next().is_some());
        let next_page_token = next.map(|last| PageToken::seal(&last.name, query)).unwrap_or_default();
        Ok(Response::new(pb::ListSourcesResponse { sources, next_page_token }))
    }

    async fn create_import(
        &self,
        request: Request<pb::CreateImportRequest>,
    ) -> Result<Response<pb::CreateImportResponse>, Status> {
        let caller = caller_of(&request);
        let request = request.into_inner();
        let format = convert::file_format(request.format());
        let pb::CreateImportRequest { dataset, source, query, path, request_id, .. } = request;
        let draft = ImportDraft { dataset, source, query, path, format, request_id };
        let wish = CreateImport::check(&draft).map_err(status::invalid)?;
        let made = self.app.create_import(&caller, wish).await.map_err(status::from_error)?;
        Ok(Response::new(pb::CreateImportResponse { import: Some(import(made)) }))
    }

    async fn list_imports(
        &self,
        request: Request<pb::ListImportsRequest>,
    ) -> Result<Response<pb::ListImportsResponse>, Status> {
        let request = request.into_inner();
        let dataset = dataset(&request.dataset)?;
        let query = format!("imports\n{dataset}");
        let page = PageRequest::new(request.page_size, &request.page_token, &query);
        let page = page.map_err(|error| status::invalid(error.into()))?;
        let (imports, next) = self.app.imports(&dataset, &page).await.map_err(status::from_error)?;
        let imports = imports.into_iter().map(import).collect();
        let (imports, next_page_token) = page::fitting(imports, next, &query, |import| &import.import_id);
        Ok(Response::new(pb::ListImportsResponse { imports, next_page_token }))
    }
}

fn import(import: Import) -> pb::Import {
    let data = pb::DataSource {
        dataset: import.wish.dataset.to_string(),
        digest: import.digest.to_string(),
        format: convert::written(import.format()).into(),
    };
    let (query, query_digest, path) = match import.wish.wanted {
        Wanted::Rows(query) => (query.to_string(), query.digest().to_string(), String::new()),
        Wanted::File { path, .. } => (String::new(), String::new(), path),
    };
    pb::Import {
        import_id: import.id,
        dataset: import.wish.dataset.to_string(),
        source: import.wish.source.to_string(),
        query,
        query_digest,
        path,
        data: Some(data),
        rows: import.rows.unwrap_or_default(),
        size_bytes: import.bytes,
        actor: import.actor,
        create_time: Some(timestamp(import.create_time)),
    }
}

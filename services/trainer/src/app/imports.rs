//! Rows from sources.

use std::fs::File;

use lineal_kernel::{Caller, Name, PageRequest};
use uuid::Uuid;

use super::{App, failure::StepError};
use crate::{
    domain::{CreateImport, Import, ImportError, TrainerError},
    failpoints::stop_here,
    registry::SnapshotRecord,
    sources::Fetched,
};

impl App {
    /// Names and addresses of the sources, without what opens them.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (&Name, String)> {
        self.sources.list()
    }

    /// Fetches rows into the artifact store. A stop on the way leaves at most a file that nothing refers to, and a caller who asks
    /// again.
    pub(crate) async fn create_import(&self, caller: &Caller, wish: CreateImport) -> Result<Import, TrainerError> {
        if !self.sources.has(&wish.source) {
            return Err(ImportError::SourceNotFound { name: wish.source }.into());
        }
        if let Some(known) = self.store.import_by_request(&wish.request_id).await? {
            return same(known, &wish);
        }
        // What is read holds a part of its rows in memory.
        let _turn = self.imports.acquire().await.map_err(|_| TrainerError::Stopping)?;
        let import = self.import(caller, wish.clone()).await.map_err(StepError::told)?;
        stop_here!("import_sent");
        let kept = self.store.add_import(&import).await?;
        stop_here!("import_kept");
        same(kept, &wish)
    }

    async fn import(&self, caller: &Caller, wish: CreateImport) -> Result<Import, StepError> {
        let file = self.scratch()?;
        let fetched = self.sources.fetch(&wish.source, &wish.wanted, file, &self.settings.scratch).await?;
        let Fetched { file, digest, bytes, rows } = fetched;
        stop_here!("import_fetched");
        self.registry.send(digest, &file).await?;
        if let Some(rows) = &rows {
            let (dataset, columns) = (wish.dataset.clone(), rows.columns.clone());
            self.registry.record_snapshot(&SnapshotRecord { dataset, digest, rows: rows.count, columns }).await?;
        }
        Ok(Import {
            id: Uuid::now_v7().to_string(),
            wish,
            digest,
            rows: rows.map(|rows| rows.count),
            bytes,
            actor: caller.actor.clone(),
            create_time: self.clock.now(),
        })
    }

    /// The imports of a dataset, and where the next page begins.
    pub(crate) async fn imports(
        &self,
        dataset: &Name,
        page: &PageRequest,
    ) -> Result<(Vec<Import>, Option<String>), TrainerError> {
        let mut imports = self.store.imports(dataset, page.after.as_deref(), page.size + 1).await?;
        let more = imports.len() > page.size as usize;
        imports.truncate(page.size as usize);
        let next = imports.last().filter(|_| more).map(|import| import.id.clone());
        Ok((imports, next))
    }

    /// A file without a name: it is gone with the process, however that ends.
    pub(super) fn scratch(&self) -> Result<File, StepError> {
        let folder = &self.settings.scratch;
        let failed = |source| StepError::Scratch { folder: folder.clone(), source };
        std::fs::create_dir_all(folder).map_err(failed)?;
        tempfile::tempfile_in(folder).map_err(failed)
    }
}

/// The import, if it is the one that `wish` asks for.
fn same(import: Import, wish: &CreateImport) -> Result<Import, TrainerError> {
    if import.wish == *wish {
        return Ok(import);
    }
    Err(ImportError::RequestIdReused { request_id: wish.request_id.clone(), import_id: import.id }.into())
}

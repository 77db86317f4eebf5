//! Flags that several commands share, and the names of versions.

use lineal_kernel::{RequestId, Slot};
use lineal_proto::lineal::registry::v1::{
    ReloadPolicy, ResolveVersionRequest, Version, version_service_client::VersionServiceClient,
};

use super::{context::Context, error::CliError, parse};

/// Which page of a list.
#[derive(Debug, clap::Args)]
pub(super) struct PageArgs {
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(i32).range(1..=500))]
    pub(super) limit: i32,
    /// Where the page begins, as the page before said
    #[arg(long, value_name = "TOKEN", default_value = "", hide_default_value = true)]
    pub(super) page_token: String,
}

/// Which slot of a model.
#[derive(Debug, clap::Args)]
pub(super) struct SlotArgs {
    /// Labels of the slot, e.g. regime=trending,symbol=BTCUSDT
    #[arg(long, value_name = "K=V,K=V", default_value = "", hide_default_value = true, value_parser = parse::slot)]
    pub(super) slot: Slot,
}

/// The key of a change.
#[derive(Debug, clap::Args)]
pub(super) struct ChangeArgs {
    /// Key of this change: sent twice, it is made once [default: a new one]
    #[arg(long, value_name = "KEY")]
    request_id: Option<String>,
}

impl ChangeArgs {
    /// The key given, or a fresh one.
    pub(super) fn request_id(&self) -> String {
        self.request_id.clone().unwrap_or_else(|| RequestId::random().as_str().to_owned())
    }
}

/// Which replicas must have a new champion before it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    All,
    None,
    Quorum(u32),
}

impl Policy {
    /// The policy and its quorum as the contract has them.
    pub(super) fn wire(self) -> (i32, u32) {
        match self {
            Self::All => (ReloadPolicy::All.into(), 0),
            Self::None => (ReloadPolicy::None.into(), 0),
            Self::Quorum(needed) => (ReloadPolicy::Quorum.into(), needed),
        }
    }
}

impl std::str::FromStr for Policy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let needed = text.strip_prefix("quorum=").and_then(|needed| needed.parse().ok()).filter(|needed| *needed > 0);
        match (text, needed) {
            ("all", _) => Ok(Self::All),
            ("none", _) => Ok(Self::None),
            (_, Some(needed)) => Ok(Self::Quorum(needed)),
            _ => Err("expected all, none or quorum=N".to_owned()),
        }
    }
}

/// The version of `model` called `version`: a number, a label or `@alias` in `slot`.
pub(super) async fn resolve(ctx: &Context, model: &str, version: &str, slot: &Slot) -> Result<u64, CliError> {
    if let Ok(number) = version.parse() {
        return Ok(number);
    }
    let reference = if version.starts_with('@') { format!("{model}{version}") } else { format!("{model}/{version}") };
    let found = resolve_reference(ctx, reference, slot).await.map_err(|error| error.about(model, ""))?;
    Ok(found.number)
}

/// The version behind any of its full names, e.g. `churn@champion` or `models:/churn/3`.
pub(super) async fn resolve_reference(ctx: &Context, reference: String, slot: &Slot) -> Result<Version, CliError> {
    let request = ResolveVersionRequest { reference, slot: slot.labels().clone() };
    let answer = ctx.registry.call(VersionServiceClient::new(ctx.registry.peer()).resolve_version(request)).await?;
    ctx.registry.present(answer.version, "version")
}

//! The signatures of a bundle, as the registry keeps them.

use std::time::Duration;

use lineal_kernel::Digest;
use lineal_proto::lineal::registry::v1::{
    BundleSignature, ListSignaturesRequest, signature_service_client::SignatureServiceClient,
};
use tonic::{Request, Status};

use crate::Peer;

/// Longest time that one page may take.
const DEADLINE: Duration = Duration::from_secs(10);
/// Most pages of a bundle that are read: nobody has more than 1,000 keys.
const MAX_PAGES: usize = 2;

/// Every signature of the bundle with this manifest; none if nobody signed it.
pub async fn list(registry: &Peer, digest: Digest) -> Result<Vec<BundleSignature>, Status> {
    let mut client = SignatureServiceClient::new(registry.clone());
    let mut found = Vec::new();
    let mut page_token = String::new();
    for _ in 0..MAX_PAGES {
        let mut request =
            Request::new(ListSignaturesRequest { digest: digest.to_string(), page_size: 500, page_token });
        request.set_timeout(DEADLINE);
        let answer = client.list_signatures(request).await?.into_inner();
        found.extend(answer.signatures);
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    Ok(found)
}

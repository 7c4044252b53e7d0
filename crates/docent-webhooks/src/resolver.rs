//! Names to addresses: what is found here, and nothing else, is connected to.

use crate::addresses::is_public;
use crate::failure::NotPublic;
use crate::target::AllowedHosts;
use futures::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Looks a name up.
pub type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// As this machine looks names up.
pub fn system_lookup() -> Lookup {
    Arc::new(|name| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    })
}

/// Gives the client the addresses of a name, if all of them may be called.
pub(crate) struct Checked {
    pub(crate) lookup: Lookup,
    pub(crate) allowed: AllowedHosts,
}

impl Resolve for Checked {
    fn resolve(&self, name: Name) -> Resolving {
        let is_allowed = self.allowed.has(name.as_str());
        let looked_up = (self.lookup)(name.as_str().to_owned());
        Box::pin(async move {
            let found = looked_up.await?;
            if !is_allowed && let Some(address) = found.iter().find(|address| !is_public(**address)) {
                tracing::info!(host = name.as_str(), %address, "a webhook's host is not public");
                return Err(NotPublic.into());
            }
            // Without a port: the client puts the URL's in.
            let addresses: Addrs = Box::new(found.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

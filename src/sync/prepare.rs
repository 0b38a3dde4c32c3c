//! Making the media store ready at the start of a server, which does not wait for a store that is away.

use std::time::Duration;

use tracing::{info, warn};

use crate::media::Media;

const INTERVAL: Duration = Duration::from_secs(5);

/// Gives the public base address of the files where the store itself serves them to everybody. A store that is away is
/// made ready as soon as it is back; until the next start this server then passes the files through.
pub async fn prepare(media: &Media) -> Option<String> {
    match media.prepare().await {
        Ok(base) => base,
        Err(error) => {
            warn!("nothing can be published yet: {error}");
            tokio::spawn(prepare_later(media.clone()));
            None
        }
    }
}

async fn prepare_later(media: Media) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        match media.prepare().await {
            Ok(_) => return info!("the object store is ready"),
            Err(error) => warn!("nothing can be published yet: {error}"),
        }
    }
}

//! Media files of the local folder.

use tracing::warn;

use super::{MEDIA_PREFIX, Service};
use crate::http::{FileInfo, Request, Response, answer, serve_file};

pub(super) async fn file(service: &Service, request: &mut Request) -> Response {
    let path = request.head.uri.path().strip_prefix(MEDIA_PREFIX).unwrap_or_default();
    match service.media.open_public(path) {
        Ok(Some(found)) => {
            let info = FileInfo {
                bytes: found.bytes,
                etag: found.etag,
                modified: found.modified,
                content_type: found.content_type,
                cache_control: found.cache_control,
            };
            serve_file(&request.head, found.file, info)
        }
        Ok(None) => answer::not_found(),
        Err(fault) => {
            warn!("{fault}");
            answer::failure::<answer::Empty>(&fault)
        }
    }
}

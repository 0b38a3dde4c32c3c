//! Media files: of the local folder, or passed through from the object store, ranges and all.

use tracing::warn;

use super::{MEDIA_PREFIX, Service};
use crate::error::{Error, Result};
use crate::http::{FileInfo, Request, Response, answer, serve_file, serve_stream};
use crate::media::{Content, PublicFile};

pub(super) async fn file(service: &Service, request: &mut Request) -> Response {
    let path = request.head.uri.path().strip_prefix(MEDIA_PREFIX).unwrap_or_default();
    let answered = match service.media.find_public(path).await {
        Ok(Some(found)) => serve(request, found).await,
        Ok(None) => return answer::not_found(),
        Err(fault) => Err(fault),
    };
    answered.unwrap_or_else(|fault| {
        warn!("{fault}");
        answer::failure::<answer::Empty>(&fault)
    })
}

async fn serve(request: &Request, found: PublicFile) -> Result<Response> {
    let info = FileInfo {
        bytes: found.bytes,
        etag: found.etag,
        modified: found.modified,
        content_type: found.content_type,
        cache_control: found.cache_control,
    };
    match found.content {
        Content::File(file) => Ok(serve_file(&request.head, file, info)),
        Content::Object(object) => {
            let open = async |range| {
                let pieces = object.read(range).await?;
                pieces.map(|pieces| pieces.into_stream()).ok_or_else(|| Error::unavailable("the object has just gone"))
            };
            serve_stream(&request.head, info, open).await
        }
    }
}

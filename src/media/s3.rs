//! The S3 protocol, spoken by the `minio` crate, which no other file names.
//!
//! Of the crate only calls are used whose bodies are whole pieces of memory: its streaming upload takes an empty piece
//! for the end, and stores what came of a stream that is shorter or longer than promised. It knows no time-outs
//! either: every call here has one.

use std::error::Error as _;
use std::future::Future;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use minio::s3::builders::{PutObject, UploadPart};
use minio::s3::client::{Method, MinioClientBuilder};
use minio::s3::creds::StaticProvider;
use minio::s3::error::{Error as S3Error, S3ServerError};
use minio::s3::http::BaseUrl;
use minio::s3::minio_error_response::MinioErrorCode;
use minio::s3::multimap_ext::Multimap;
use minio::s3::response::ListObjectsResponse;
use minio::s3::response_traits::HasEtagFromHeaders;
use minio::s3::types::{BucketName, ObjectKey, PartInfo, Region, S3Api, S3Request, ToStream, UploadId};
use minio::s3::{MinioClient, segmented_bytes::SegmentedBytes};

use crate::error::{Error, Result};

/// What is sent or copied may take a second longer for each of these.
const SLOWEST_BYTES_PER_S: u64 = 256 << 10;
/// The store puts the parts together by itself, which is faster than sending them.
const SLOWEST_JOINED_BYTES_PER_S: u64 = 8 << 20;

#[derive(Debug, Clone)]
pub(super) struct Address {
    /// `http://host:port`
    pub endpoint: String,
    pub bucket: String,
    pub region: String,
    /// Access key and secret key; None: as anybody.
    pub keys: Option<(String, String)>,
    /// Longest wait for an answer, and for the next piece of one.
    pub timeout: Duration,
}

/// One bucket.
#[derive(Debug, Clone)]
pub(super) struct S3 {
    client: MinioClient,
    bucket: BucketName,
    region: Region,
    timeout: Duration,
}

/// What readers are told of an object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Labels {
    pub content_type: &'static str,
    pub cache_control: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stat {
    pub bytes: u64,
    /// With its quotes.
    pub etag: String,
    pub modified: SystemTime,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub key: String,
    pub bytes: u64,
    pub modified: SystemTime,
}

/// Parts that are not an object yet.
pub(super) struct Parts {
    id: UploadId,
    sent: Vec<PartInfo>,
}

#[derive(Debug)]
pub(super) struct Unfinished {
    pub key: String,
    pub id: String,
    pub begun: SystemTime,
}

pub(super) struct Listing(Box<dyn Stream<Item = Result<ListObjectsResponse, S3Error>> + Unpin + Send>);

impl S3 {
    pub(super) fn new(address: &Address) -> Result<S3> {
        let wrong = |what: &str, why: &dyn std::fmt::Display| Error::unavailable(format!("{what}: {why}"));
        let url: BaseUrl = address.endpoint.parse().map_err(|error| wrong("RIFFLE_S3_ENDPOINT", &error))?;
        let provider = address.keys.as_ref().map(|(access, secret)| StaticProvider::new(access, secret, None));
        let client = MinioClientBuilder::new(url).provider(provider).build();
        Ok(S3 {
            client: client.map_err(|error| wrong("the client of the object store", &error))?,
            bucket: BucketName::new(&address.bucket).map_err(|error| wrong("RIFFLE_S3_BUCKET", &error))?,
            region: Region::new(&address.region).map_err(|error| wrong("RIFFLE_S3_REGION", &error))?,
            timeout: address.timeout,
        })
    }

    pub(super) async fn bucket_exists(&self) -> Result<bool> {
        let call = self.client.bucket_exists(&self.bucket).map_err(invalid)?.region(Some(self.region.clone())).build();
        Ok(self.answer("look for the bucket", 0, call.send()).await?.exists())
    }

    /// Made by somebody else in the same moment is made, too.
    pub(super) async fn create_bucket(&self) -> Result<()> {
        let call = self.client.create_bucket(&self.bucket).map_err(invalid)?.region(self.region.clone()).build();
        match self.answer("make the bucket", 0, call.send()).await {
            Err(error) if !self.bucket_exists().await? => Err(error),
            _ => Ok(()),
        }
    }

    /// Lets everybody read, but not list, the objects below `prefix`. False: the store does not do that.
    pub(super) async fn let_everybody_read(&self, prefix: &str) -> Result<bool> {
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":["*"]}},"Action":["s3:GetObject"],"Resource":["arn:aws:s3:::{}/{prefix}*"]}}]}}"#,
            self.bucket.as_str()
        );
        let mut request = S3Request::builder()
            .client(self.client.clone())
            .method(Method::PUT)
            .region(Some(self.region.clone()))
            .bucket(self.bucket.clone())
            .query_params(query("policy"))
            .body(Arc::new(SegmentedBytes::from(Bytes::from(policy))))
            .build();
        match self.within(0, request.execute()).await {
            Ok(Ok(_)) => Ok(true),
            Ok(Err(S3Error::S3Server(_))) => Ok(false),
            Ok(Err(error)) => Err(fault("set the bucket's policy", &error)),
            Err(error) => Err(error.because("the bucket's policy was not answered in time")),
        }
    }

    pub(super) async fn stat(&self, key: &str) -> Result<Option<Stat>> {
        let call = self.client.stat_object(&self.bucket, key).map_err(invalid)?.region(self.region.clone()).build();
        let Some(answer) = found(self.within(0, call.send()).await?, "look for an object")? else { return Ok(None) };
        let modified = answer.last_modified().map_err(invalid)?.map_or(SystemTime::UNIX_EPOCH, SystemTime::from);
        let etag = answer.etag().map_err(invalid)?;
        Ok(Some(Stat {
            bytes: answer.size().map_err(invalid)?,
            etag: format!("\"{}\"", etag.as_str().trim_matches('"')),
            modified,
        }))
    }

    /// The bytes of an object, or a range of them; each piece has its time-out. None: no such object.
    pub(super) async fn get(
        &self,
        key: &str,
        range: Option<RangeInclusive<u64>>,
    ) -> Result<Option<impl Stream<Item = Result<Bytes>> + Send + Unpin + use<>>> {
        let call = self.client.get_object(&self.bucket, key).map_err(invalid)?.region(self.region.clone());
        let offset = range.as_ref().map(|range| *range.start());
        let length = range.map(|range| range.end() - range.start() + 1);
        let call = call.offset(offset).length(length).build();
        let Some(answer) = found(self.within(0, call.send()).await?, "read an object")? else { return Ok(None) };
        let (pieces, _) = answer.into_boxed_stream().map_err(|error| fault("read an object", &error))?;
        let timeout = self.timeout;
        Ok(Some(Box::pin(futures_util::stream::unfold(pieces, move |mut pieces| async move {
            let piece = match tokio::time::timeout(timeout, pieces.next()).await {
                Ok(None) => return None,
                Ok(Some(piece)) => piece.map_err(|error| Error::unavailable(format!("reading an object: {error}"))),
                Err(_) => Err(Error::unavailable("reading an object: the next piece does not come")),
            };
            Some((piece, pieces))
        }))))
    }

    pub(super) async fn put(&self, key: &str, bytes: Bytes, labels: Labels) -> Result<()> {
        let length = bytes.len() as u64;
        let put = PutObject::builder().inner(self.piece(key, bytes, None, Some(labels))?).build();
        self.answer("store an object", length, put.send()).await.map(drop)
    }

    pub(super) async fn begin(&self, key: &str, labels: Labels) -> Result<Parts> {
        let call = self.client.create_multipart_upload(&self.bucket, key).map_err(invalid)?;
        let call = call.region(self.region.clone()).content_type(labels.content_type.to_owned());
        let call = call.extra_headers(headers(labels)).build();
        let answer = self.answer("begin an upload", 0, call.send()).await?;
        Ok(Parts { id: answer.upload_id().await.map_err(invalid)?, sent: Vec::new() })
    }

    /// The next part.
    pub(super) async fn send_part(&self, key: &str, parts: &mut Parts, bytes: Bytes) -> Result<()> {
        let length = bytes.len() as u64;
        let number = parts.sent.len() as u16 + 1;
        let part = self.piece(key, bytes, Some((parts.id.as_str(), number)), None)?;
        let answer = self.answer("send a part of an upload", length, part.send()).await?;
        parts.sent.push(PartInfo::new(number, answer.etag().map_err(invalid)?, length, None));
        Ok(())
    }

    /// Makes the parts an object.
    pub(super) async fn join(&self, key: &str, parts: Parts) -> Result<()> {
        let bytes: u64 = parts.sent.iter().map(|part| part.size).sum();
        let call = self.client.complete_multipart_upload(&self.bucket, key, parts.id.as_str(), parts.sent);
        let call = call.map_err(invalid)?.region(self.region.clone()).build();
        let bytes = bytes * SLOWEST_BYTES_PER_S / SLOWEST_JOINED_BYTES_PER_S;
        self.answer("finish an upload", bytes, call.send()).await.map(drop)
    }

    pub(super) async fn abandon(&self, key: &str, id: &str) -> Result<()> {
        let call = self.client.abort_multipart_upload(&self.bucket, key, id).map_err(invalid)?;
        let call = call.region(self.region.clone()).build();
        found(self.within(0, call.send()).await?, "abandon an upload").map(drop)
    }

    /// No such object is removed, too.
    pub(super) async fn delete(&self, key: &str) -> Result<()> {
        let call = self.client.delete_object(&self.bucket, key).map_err(invalid)?.region(self.region.clone()).build();
        found(self.within(0, call.send()).await?, "remove an object").map(drop)
    }

    /// What lies directly below `prefix`, which ends with a slash.
    pub(super) async fn list(&self, prefix: &str, batch_max: usize) -> Result<Listing> {
        let call = self.client.list_objects(&self.bucket).map_err(invalid)?.region(self.region.clone());
        let call = call.prefix(prefix.to_owned()).delimiter("/".to_owned());
        let call = call.max_keys(Some(u16::try_from(batch_max).unwrap_or(u16::MAX))).build();
        Ok(Listing(call.to_stream().await))
    }

    pub(super) async fn next_batch(&self, listing: &mut Listing) -> Result<Option<Vec<Listed>>> {
        let Some(page) = self.within(0, listing.0.next()).await? else { return Ok(None) };
        let page = page.map_err(|error| fault("list objects", &error))?;
        let listed = page.contents.into_iter().filter(|entry| !entry.is_prefix).map(|entry| Listed {
            key: entry.name,
            bytes: entry.size.unwrap_or_default(),
            modified: entry.last_modified.map_or_else(SystemTime::now, SystemTime::from),
        });
        Ok(Some(listed.collect()))
    }

    /// Uploads in parts that were never finished, below `prefix`: at most a thousand.
    pub(super) async fn unfinished(&self, prefix: &str) -> Result<Vec<Unfinished>> {
        let mut request = S3Request::builder()
            .client(self.client.clone())
            .method(Method::GET)
            .region(Some(self.region.clone()))
            .bucket(self.bucket.clone())
            .query_params(query("uploads"))
            .build();
        let answer = self.answer("list unfinished uploads", 0, request.execute()).await?;
        let text = self.within(0, answer.text()).await?.map_err(|error| Error::unavailable(error.to_string()))?;
        let mut uploads = parse_uploads(&text)?;
        uploads.retain(|upload| upload.key.starts_with(prefix));
        Ok(uploads)
    }

    /// A whole object, or a part of the upload with that id.
    fn piece(&self, key: &str, bytes: Bytes, part: Option<(&str, u16)>, labels: Option<Labels>) -> Result<UploadPart> {
        Ok(UploadPart::builder()
            .client(self.client.clone())
            .bucket(self.bucket.clone())
            .object(ObjectKey::new(key).map_err(invalid)?)
            .region(self.region.clone())
            .data(Arc::new(SegmentedBytes::from(bytes)))
            .content_type(labels.map(|labels| labels.content_type.to_owned()))
            .extra_headers(labels.map(headers))
            .upload_id(part.map(|(id, _)| id.to_owned()))
            .part_number(part.map(|(_, number)| number))
            .build())
    }

    async fn answer<T>(
        &self,
        doing: &str,
        bytes: u64,
        call: impl Future<Output = std::result::Result<T, S3Error>>,
    ) -> Result<T> {
        self.within(bytes, call).await?.map_err(|error| fault(doing, &error))
    }

    async fn within<T>(&self, bytes: u64, call: impl Future<Output = T>) -> Result<T> {
        let longest = self.timeout + Duration::from_millis(bytes * 1000 / SLOWEST_BYTES_PER_S);
        tokio::time::timeout(longest, call)
            .await
            .map_err(|_| Error::unavailable(format!("no answer of the object store in {} ms", longest.as_millis())))
    }
}

impl Parts {
    pub(super) fn id(&self) -> &str {
        self.id.as_str()
    }
}

fn query(word: &str) -> Multimap {
    let mut query = Multimap::new();
    query.insert(word.to_owned(), String::new());
    query
}

fn headers(labels: Labels) -> Multimap {
    let mut headers = Multimap::new();
    headers.insert("Cache-Control".to_owned(), labels.cache_control.to_owned());
    headers
}

/// None where the store says that there is no such thing.
fn found<T>(answer: std::result::Result<T, S3Error>, doing: &str) -> Result<Option<T>> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(S3Error::S3Server(S3ServerError::S3Error(error))) if is_missing(&error.code()) => Ok(None),
        Err(error) => Err(fault(doing, &error)),
    }
}

/// Codes that the crate has no name for come in lower case.
fn is_missing(code: &MinioErrorCode) -> bool {
    match code {
        MinioErrorCode::NoSuchKey | MinioErrorCode::ResourceNotFound => true,
        MinioErrorCode::OtherError(code) => code == "nosuchupload",
        _ => false,
    }
}

/// What the crate says is often only that something happened: what it was stands behind.
fn fault(doing: &str, error: &S3Error) -> Error {
    let mut text = format!("could not {doing}: {error}");
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    Error::unavailable(text)
}

fn invalid(error: impl std::fmt::Display) -> Error {
    Error::unavailable(format!("the object store: {error}"))
}

fn parse_uploads(xml: &str) -> Result<Vec<Unfinished>> {
    let document = roxmltree::Document::parse(xml).map_err(invalid)?;
    let uploads = document.descendants().filter(|node| node.tag_name().name() == "Upload");
    Ok(uploads
        .filter_map(|upload| {
            let text = |name| upload.children().find(|node| node.tag_name().name() == name)?.text();
            let begun = time::OffsetDateTime::parse(text("Initiated")?, &time::format_description::well_known::Rfc3339);
            Some(Unfinished {
                key: text("Key")?.to_owned(),
                id: text("UploadId")?.to_owned(),
                begun: begun.ok()?.into(),
            })
        })
        .collect())
}

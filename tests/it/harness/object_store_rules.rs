//! What the tests' object store adds to the one of its library: buckets whose objects everybody may read, a list of the
//! uploads under way, and faults.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use async_trait::async_trait;
use s3s::access::{S3Access, S3AccessContext};
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;

use super::object_store::Policies;

#[derive(Clone)]
pub struct Rules(Arc<State>);

struct State {
    policies: Policies,
    /// The text of each bucket's policy.
    granted: Mutex<HashMap<String, String>>,
    /// Key and beginning of each upload under way, by its id.
    uploads: Mutex<HashMap<String, (String, SystemTime)>>,
    parts_refused: AtomicBool,
    parts_held: AtomicBool,
}

impl Rules {
    pub fn new(policies: Policies) -> Rules {
        Rules(Arc::new(State {
            policies,
            granted: Mutex::default(),
            uploads: Mutex::default(),
            parts_refused: AtomicBool::default(),
            parts_held: AtomicBool::default(),
        }))
    }

    pub fn refuse_parts(&self, refused: bool) {
        self.0.parts_refused.store(refused, Ordering::SeqCst);
    }

    pub fn hold_parts(&self, held: bool) {
        self.0.parts_held.store(held, Ordering::SeqCst);
    }

    pub fn unfinished(&self) -> usize {
        self.0.uploads.lock().unwrap().len()
    }

    /// Whether the bucket's policy lets everybody do that with the object.
    fn grants(&self, operation: &str, bucket: &str, key: &str) -> bool {
        let granted = self.0.granted.lock().unwrap();
        let Some(policy) = granted.get(bucket) else { return false };
        let policy: serde_json::Value = serde_json::from_str(policy).unwrap();
        let statement = &policy["Statement"][0];
        let resource = statement["Resource"][0].as_str().unwrap();
        let prefix = resource.strip_prefix(&format!("arn:aws:s3:::{bucket}/")).and_then(|rest| rest.strip_suffix('*'));
        statement["Effect"] == "Allow"
            && statement["Principal"]["AWS"][0] == "*"
            && statement["Action"] == serde_json::json!(["s3:GetObject"])
            && matches!(operation, "GetObject" | "HeadObject")
            && prefix.is_some_and(|prefix| key.starts_with(prefix))
    }
}

#[async_trait]
impl S3Access for Rules {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        if context.credentials().is_some() {
            return Ok(());
        }
        match context.s3_path().as_object() {
            Some((bucket, key)) if self.grants(context.s3_op().name(), bucket, key) => Ok(()),
            _ => Err(s3_error!(AccessDenied, "Signature is required")),
        }
    }
}

pub struct Stored {
    files: FileSystem,
    rules: Rules,
}

impl Stored {
    pub fn new(folder: &Path, rules: Rules) -> Stored {
        Stored { files: FileSystem::new(folder).unwrap(), rules }
    }
}

#[async_trait]
impl S3 for Stored {
    async fn create_bucket(&self, request: S3Request<CreateBucketInput>) -> S3Result<S3Response<CreateBucketOutput>> {
        self.files.create_bucket(request).await
    }

    async fn head_bucket(&self, request: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        self.files.head_bucket(request).await
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        self.files.get_object(request).await
    }

    async fn head_object(&self, request: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        self.files.head_object(request).await
    }

    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        self.files.put_object(request).await
    }

    async fn delete_object(&self, request: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.files.delete_object(request).await
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        self.files.list_objects_v2(request).await
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let key = request.input.key.clone();
        let answer = self.files.create_multipart_upload(request).await?;
        let id = answer.output.upload_id.clone().unwrap();
        self.rules.0.uploads.lock().unwrap().insert(id, (key, SystemTime::now()));
        Ok(answer)
    }

    async fn upload_part(&self, request: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        if self.rules.0.parts_refused.load(Ordering::SeqCst) {
            return Err(s3_error!(InternalError, "the disk is full"));
        }
        if self.rules.0.parts_held.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.files.upload_part(request).await
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let id = request.input.upload_id.clone();
        let answer = self.files.complete_multipart_upload(request).await?;
        self.rules.0.uploads.lock().unwrap().remove(&id);
        Ok(answer)
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let id = request.input.upload_id.clone();
        let answer = self.files.abort_multipart_upload(request).await?;
        self.rules.0.uploads.lock().unwrap().remove(&id);
        Ok(answer)
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let uploads = self.rules.0.uploads.lock().unwrap();
        let listed = uploads.iter().map(|(id, (key, begun))| MultipartUpload {
            key: Some(key.clone()),
            upload_id: Some(id.clone()),
            initiated: Some((*begun).into()),
            ..MultipartUpload::default()
        });
        Ok(S3Response::new(ListMultipartUploadsOutput {
            bucket: Some(request.input.bucket),
            uploads: Some(listed.collect()),
            ..ListMultipartUploadsOutput::default()
        }))
    }

    async fn put_bucket_policy(
        &self,
        request: S3Request<PutBucketPolicyInput>,
    ) -> S3Result<S3Response<PutBucketPolicyOutput>> {
        if self.rules.0.policies == Policies::Refused {
            return Err(s3_error!(NotImplemented, "there are no policies here"));
        }
        self.rules.0.granted.lock().unwrap().insert(request.input.bucket, request.input.policy);
        Ok(S3Response::new(PutBucketPolicyOutput::default()))
    }
}

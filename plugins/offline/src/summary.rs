//! stub
use crate::git::Git;
use pimainteno_core::Result;
/// stub
pub(crate) async fn summarize(_git: &Git, _previous: Option<&str>) -> Result<String> {
    Ok(String::new())
}

//! Git: what a repository says, the workspace, and delivery.
//!
//! Looking whether anything changed reads two small files and starts no process ([`Head::read`]).
//! Everything else is done by the `git` program, because what it writes is what people trust.

mod already;
mod change;
mod checkout;
mod command;
mod commit;
mod deliver;
mod forget;
mod gitlinks;
mod head;
mod hook_texts;
mod hooks;
mod known_as;
mod lock;
mod mend;
mod merge;
mod outlook;
mod outside;
mod owner;
mod ownership;
mod remote_time;
mod room;
mod scope;
mod sharing;
mod submodules;
mod tracked;
mod unfinished;
mod workspace;

pub(crate) use change::Section;
pub use change::{Change, FileChange};
pub use checkout::{Checkout, Upstream};
pub use command::Git;
pub use commit::CommitEnd;
pub use deliver::PushEnd;
pub(crate) use forget::checkout_of;
pub use head::{Head, is_bare};
pub use hooks::CommitHooks;
pub(crate) use known_as::worktrees_in;
pub(crate) use lock::ProjectLock;
pub use outlook::HookFault;
pub(crate) use outside::outside;
pub(crate) use remote_time::RemoteTime;
pub(crate) use scope::Scope;
pub use scope::{place_in_repository, top_above};
pub(crate) use submodules::{Destination, Submodule, embedded_repositories};
pub(crate) use tracked::{Content, Listing};
pub(crate) use unfinished::is_left_half_made;
pub use workspace::Workspace;
pub(crate) use workspace::{FILES_LIMIT, too_large};

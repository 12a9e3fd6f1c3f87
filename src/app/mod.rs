//! Joining the components: building them in order, reloading, shutting down.

pub mod logging;

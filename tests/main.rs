//! The server seen from outside.

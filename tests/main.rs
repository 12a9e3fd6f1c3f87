//! The server seen from outside, and the shape of the tree.

mod alerts;
mod binary;
mod churn;
mod compatibility;
mod crash;
mod exchange;
mod http_client;
mod promtool;
mod receiver;
mod scraping;
mod stacks;
mod support;
mod tidy;

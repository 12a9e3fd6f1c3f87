//! The server seen from outside, and the shape of the tree.

mod alerts;
mod aws;
mod binary;
mod churn;
mod compatibility;
mod config_corpus;
mod cost;
mod crash;
mod discovery;
mod exchange;
mod faults;
mod heavy_queries;
mod http_client;
mod kubernetes;
mod promtool;
mod receiver;
mod remote_write;
mod scraping;
mod stacks;
mod storage;
mod support;
mod tidy;

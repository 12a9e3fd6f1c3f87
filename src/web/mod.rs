//! The HTTP surface: API, health, lifecycle, metrics, pages.

pub mod views;

//! What queries cost, and that none costs the server its life: the real process, asked over HTTP.

mod budget;
mod crash_note;
mod hostile;
mod listing;

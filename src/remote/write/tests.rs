//! Queues against a destination that answers as a script has it, with time that stands still.

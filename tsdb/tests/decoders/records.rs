//! Records of the logs: what is decoded is encoded and decoded to the same.

use tsdb::model::Histogram;
use tsdb::wal::Kind;
use tsdb::wal::record::{exemplars, histograms, markers, metadata, samples, series, tombstones};

/// Any bytes as a record of the kind that the first says.
pub(crate) fn any_bytes_as_a_record(bytes: &[u8]) {
    let mut again = Vec::new();
    match Kind::of(bytes) {
        None => {}
        Some(Kind::Series) => {
            let read = |record: &[u8]| {
                let mut all = Vec::new();
                let decoded = series::decode(record, |id, labels| {
                    let owned = |&(n, v): &(&str, &str)| (n.to_owned(), v.to_owned());
                    all.push((id, labels.iter().map(owned).collect::<Vec<_>>()));
                });
                decoded.is_ok().then_some(all)
            };
            let Some(all) = read(bytes) else { return };
            series::begin(&mut again);
            for (id, labels) in &all {
                let pairs = labels.iter().map(|(n, v)| (n.as_str(), v.as_str()));
                series::push(&mut again, *id, labels.len(), pairs);
            }
            assert_eq!(read(&again), Some(all));
        }
        Some(Kind::Samples | Kind::SamplesV2) => {
            let read = |record: &[u8]| {
                let mut all = Vec::new();
                let decoded = samples::decode(record, |id, t_ms, bits| all.push((id, t_ms, bits)));
                decoded.is_ok().then_some(all)
            };
            let Some(all) = read(bytes) else { return };
            let mut encoder = samples::Encoder::new(&mut again);
            for &(id, t_ms, bits) in &all {
                encoder.push(id, t_ms, bits);
            }
            assert_eq!(read(&again), Some(all));
        }
        Some(Kind::Tombstones) => {
            let read = |record: &[u8]| {
                let mut all = Vec::new();
                let decoded = tombstones::decode(record, |id, from, through| all.push((id, from, through)));
                decoded.is_ok().then_some(all)
            };
            let Some(all) = read(bytes) else { return };
            tombstones::begin(&mut again);
            for &(id, from, through) in &all {
                tombstones::push(&mut again, id, from, through);
            }
            assert_eq!(read(&again), Some(all));
        }
        Some(Kind::Exemplars) => {
            let read = |record: &[u8]| {
                let mut all = Vec::new();
                let decoded = exemplars::decode(record, |id, exemplar| {
                    all.push((id, exemplar.at_ms, exemplar.value.to_bits(), exemplar.labels));
                });
                decoded.is_ok().then_some(all)
            };
            let Some(all) = read(bytes) else { return };
            let mut encoder = exemplars::Encoder::new(&mut again);
            for (id, at_ms, bits, labels) in &all {
                let pairs: Vec<_> = labels.iter().collect();
                let at_ms = at_ms.expect("all have a time");
                encoder.push(*id, at_ms, f64::from_bits(*bits), pairs.into_iter());
            }
            assert_eq!(read(&again), Some(all));
        }
        Some(Kind::MmapMarkers) => {
            let read = |record: &[u8]| {
                let mut all = Vec::new();
                let decoded = markers::decode(record, |id, place| all.push((id, place)));
                decoded.is_ok().then_some(all)
            };
            let Some(all) = read(bytes) else { return };
            markers::begin(&mut again);
            for &(id, place) in &all {
                markers::push(&mut again, id, place);
            }
            assert_eq!(read(&again), Some(all));
        }
        Some(Kind::Metadata) => {
            let read = |record: &[u8]| {
                let mut all = Vec::new();
                let decoded = metadata::decode(record, |id, said| all.push((id, said)));
                decoded.is_ok().then_some(all)
            };
            let Some(all) = read(bytes) else { return };
            metadata::begin(&mut again);
            for (id, said) in &all {
                metadata::push(&mut again, *id, said);
            }
            assert_eq!(read(&again), Some(all));
        }
        Some(_) => any_bytes_as_histograms(bytes),
    }
}

fn any_bytes_as_histograms(bytes: &[u8]) {
    let read = |record: &[u8]| {
        let mut all: Vec<(u64, i64, Histogram)> = Vec::new();
        let decoded = histograms::decode(record, |at, histogram| {
            assert!(histogram.is_well_formed());
            all.push((at.series, at.t_ms, histogram));
        });
        decoded.is_ok().then_some(all)
    };
    let Some(all) = read(bytes) else { return };
    for (id, t_ms, histogram) in all {
        let mut again = Vec::new();
        histograms::Encoder::new(histograms::kind_of(&histogram), &mut again).push(id, t_ms, &histogram);
        let found = read(&again).expect("our own record");
        // By their text, since values may be NaN, which is nothing's equal.
        assert_eq!(format!("{found:?}"), format!("{:?}", [(id, t_ms, histogram)]));
    }
}

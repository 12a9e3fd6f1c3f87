//! Scripts about what a page says: duplicates, times, labels, limits, numbers, names.

use super::exporter::Page;
use super::script::{Script, between, openmetrics, text};

pub(super) fn scripts() -> Vec<Script> {
    [
        plain(),
        broken(),
        own_times(),
        labels(),
        limits(),
        relabelled(),
        metrics(),
    ]
    .concat()
}

fn plain() -> Vec<Script> {
    vec![
        text(
            "empty_pages",
            "",
            &[
                "a 1\n",
                "\n",
                "a 1\n",
                "   \n",
                "a 1\n",
                "# only a comment\n",
                "a 1\n",
                "\n\n  \na 2\n\n",
                "a 3",
                "#",
                "a 1\n",
            ],
        ),
        text(
            "spelling",
            "",
            &[
                "a 1\nb{x=\"1\"} 1\n",
                "a  1\nb{ x = \"1\" } 1\n",
                "a\t1\nb{x=\"1\",} 1\n",
                "  a 1\nb{x=\"1\"}1\n",
                "a 1 \nb {x=\"1\"} 1\n",
                "a 1\r\nb{x=\"1\"} 1\r\n",
                "a 1\nb{x='1'} 1\n",
                "a 1\n",
            ],
        ),
        text(
            "values",
            "",
            &[
                "a NaN\nb +Inf\nc -Inf\nd -0\ne 0\n",
                "a nan\nb inf\nc -inf\nd +0\ne 1e-400\n",
                "a NAN\nb Infinity\nc -infinity\nd -1e-320\ne 4.9e-324\n",
                "a +NaN\n",
                "a -NaN\n",
                "a 1e308\nb 1.7976931348623157e308\nc 0.1\nd 123456789012345678901234567890\ne .5\n",
                "a 1e400\n",
                "a -1e400\n",
                "a 5.\n",
                "a +5\nb 1E5\nc 1e+5\nd 00012\n",
                "a 9007199254740993\nb 0.30000000000000004\nc 2.2250738585072011e-308\n",
                "a 9218868437227405314\n",
                "a 1\n",
            ],
        ),
        text(
            "duplicates",
            "",
            &[
                "a 1\na 1\nb 1\n",
                "a 1\na 2\nb 1\n",
                "a 2\nb 1\na{} 3\n",
                "b 4\na{x=\"\"} 4\na 5\n",
                "a 6\nb 6\n",
                "a 7\na 7\na 7\nb 7\n",
                "b 1\nb 2\n",
                "a 9\nb 9\n",
            ],
        ),
        text(
            "reported_names",
            "",
            &[
                "up 7\nscrape_samples_scraped 9\na 1\n",
                "up 0\nscrape_samples_scraped 9\na 1\n",
                "a 1\n",
                "up{x=\"y\"} 0\nscrape_series_added 0\n",
                "scrape_duration_seconds -1\n",
                "a 1\n",
            ],
        ),
    ]
}

fn broken() -> Vec<Script> {
    let classic = [
        "a 2\nb\n",
        "a 4\n{} 4\n",
        "a 6\nnew 6\nb{x=1} 6\n",
        "b 8\na{x=\"\\q\"} 8\n",
        "a 9\nb x\n",
        "a 1\nb 1 2 3\n",
        "a 1\nb 0x1p-2\n",
        "a 1\nb 1_000\n",
        "a 1\n-b 1\n",
        "a 1\nb 1 1.5\n",
        "a 1\nb{x=\"1\" y=\"2\"} 1\n",
        "a 1\nb{x=\"1\",,} 1\n",
        "a 1\nb{x=\"1\",x=\"2\"} 1\n",
        "a 1\nb{__name__=\"c\"} 1\n",
        "a 1\nb{x=\"unfinished} 1\n",
        "a 1\nb 1",
        "a 1\nb{x=\"a\nb\"} 1\n",
        "a 1\nb{x=\"1\"\n",
        "a 1\n\u{1}\n",
        "a 1\nb 1 99999999999999999999\n",
        "a 1\nb{=\"1\"} 1\n",
    ];
    let openmetrics = [
        "a 1\n",
        "a 1\n# EOF",
        "a 1\n# EOF\n\n",
        "a 1\n# EOF\nb 1\n",
        "\n# EOF\n",
        "a 1\n\nb 1\n# EOF\n",
        "a  1\n# EOF\n",
        " a 1\n# EOF\n",
        "a 1 \n# EOF\n",
        "a 1\n# a comment\n# EOF\n",
        "a 1\r\n# EOF\r\n",
        "a 1\n# TYPE b nonsense\n# EOF\n",
        "# TYPE b counter\nb 1\n# EOF\n",
        "# UNIT a seconds\na 1\n# EOF\n",
        "# TYPE a_seconds gauge\n# UNIT a_seconds seconds\na_seconds 1\n# EOF\n",
        "a 1 NaN\n# EOF\n",
        "a{x=\"1\",} 1\n# EOF\n",
        "a{} 1\n# EOF\n",
        "a 1 # {} 1\n# EOF\n",
        "# EOF\n",
        "",
        "a nan\n# EOF\n",
        "a 0x10\n# EOF\n",
        "a 1 1e400\n# EOF\n",
    ];
    let mut jobs = between("broken", "", &Page::text("a 1\nb 1\n"), classic.map(Page::text));
    let good = Page::openmetrics("a 1\nb 1\n# EOF\n");
    jobs.extend(between(
        "broken_openmetrics",
        "",
        &good,
        openmetrics.map(Page::openmetrics),
    ));
    let latin = Page::bytes(b"a 1\nb{x=\"\xe9\"} 1\n".to_vec());
    let help = Page::bytes(b"a 1\n# HELP b \xe9\nb 1\n".to_vec());
    let zero = Page::bytes(b"a 1\nb{x=\"\0\"} 1\n".to_vec());
    jobs.extend(between(
        "broken_bytes",
        "",
        &Page::text("a 1\nb 1\n"),
        [latin, help, zero],
    ));
    jobs
}

fn own_times() -> Vec<Script> {
    let pages = &[
        "a 1 @-60000\nb 1\n",
        "a 2 @-50000\nb 2\n",
        "a 2 @-50000\nb 2 @-1000\n",
        "a 3 @-50000\nb 3\n",
        "a 4 @-55000\nb 4\n",
        "b 5\n",
        "a 6 @-40000\nb 6\n",
        "a 7\nb 7\n",
        "a 8 @-30000\n",
        "b 9\n",
        "a 10\n",
        "a 1 @-20000\na 2 @-19000\na 3 @-18000\nc 1 @-20000\nc 2 @-19000\nc 2 @-19000\nc 3 @-19000\nc 4 @-19500\n",
        "d 1 @-20000\nd 1\nd 2\nd 3 @-10000\n",
        "e 1 @-20000\n",
        "e 1\n",
        "f 1 @-9000\ng 1\n",
        "f 2 @-9500\nf 3 @-8000\ng 2 @-9500\n",
        "f 4 @-9500\nf\n",
        "g 3 @-9500\nh 3 @-10800000\n{\n",
        "f 5 @-7000\nf 6 @-7500\n",
        "a 1\n",
    ];
    let far = &[
        "a 1\nb 1\n",
        "a 2 @+3600000\nb 2\nnew 2 @+3600000\n",
        "a 3 @+540000\nb 3 @-10800000\n",
        "a 4\nb 4\n",
        "a 5 @-10800000\nold 5 @-10800000\nold 6 @-10700000\n",
        "a 6 @541000\nb 6\n",
        "b 7 @-1800000\nolder 1 @-1800000\nolder 2 @-1700000\n",
        "a 8 0\nb 8\nc 8 9223372036854775807\n",
        "b 8\nd 8 0\nb 8 -1\n",
        "b 9\n",
    ];
    vec![
        text("times", "", pages),
        text("times_ignored", "honor_timestamps: false", pages),
        text("times_tracked", "track_timestamps_staleness: true", pages),
        text("times_far", "", far),
        text("times_far_tracked", "track_timestamps_staleness: true", far),
    ]
}

fn labels() -> Vec<Script> {
    let clashes = &[
        "a{job=\"j\",instance=\"i\",of=\"OF\"} 1\na{of=\"OF\"} 2\n",
        "a{exported_job=\"e\",job=\"j\",of=\"OF\"} 1\n",
        "a{exported_job=\"e\",exported_exported_job=\"f\",job=\"j\",of=\"OF\"} 1\n",
        "a{job=\"\",instance=\"\",of=\"OF\"} 1\n",
        "a{exported_job=\"e\",of=\"OF\"} 1\n",
        "a{zone=\"z\",exported_zone=\"e\",exported_exported_zone=\"ee\",of=\"OF\"} 1\n",
        "a{exported_zone=\"e\",of=\"OF\"} 1\na{zone=\"e\",of=\"OF\"} 2\n",
        "a{x=\"\",of=\"OF\"} 1\na{of=\"OF\"} 2\n",
        "a{of=\"OF\"} 1\n",
    ];
    let named = |name: &'static str, config: &'static str| {
        let pages: Vec<String> = clashes.iter().map(|page| page.replace("OF", name)).collect();
        text(
            name,
            config,
            &pages.iter().map(String::as_str).collect::<Vec<_>>(),
        )
    };
    vec![
        named(
            "clash",
            "relabel_configs: [{target_label: zone, replacement: here}]",
        ),
        named(
            "clash_honored",
            "honor_labels: true\n    relabel_configs: [{target_label: zone, replacement: here}]",
        ),
        text(
            "normalised",
            "",
            &[
                "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"2.50\"} 2\nh_bucket{le=\"+Inf\"} 3\nh_sum 1\nh_count 3\n",
                "# TYPE h histogram\nh_bucket{le=\"1.0\"} 1\nh_bucket{le=\"1e3\"} 2\nh_bucket{le=\"Inf\"} 3\nh_sum 1\nh_count 3\n",
                "h_bucket{le=\"1\"} 1\nx{le=\"1\"} 1\nx{quantile=\"1\"} 1\nx{le=\"01\"} 1\nx{le=\"abc\"} 1\nx{le=\"\"} 1\n",
                "# TYPE s summary\ns{quantile=\"0\"} 1\ns{quantile=\"0.50\"} 1\ns{quantile=\"1\"} 1\ns{le=\"1\"} 2\ns_sum 1\ns_count 1\n",
                "# TYPE g gauge\ng{le=\"1\"} 1\n# TYPE h histogram\nh{le=\"1\"} 1\nh_bucket{quantile=\"1\"} 1\nh_bucket{le=\"1\"} 1\n",
                "# TYPE h histogram\nh_bucket{le=\"100000000000000000000000\"} 1\nh_bucket{le=\"1e-7\"} 1\nh_bucket{le=\"NaN\"} 1\nh_bucket{le=\"-0\"} 1\nh_bucket{le=\"1\",quantile=\"1\"} 1\n",
                "# TYPE h histogram\nh_bucket{le=\"123456789\"} 1\nh_bucket{le=\"1000000\"} 1\nh_bucket{le=\"0x10\"} 1\nh_bucket{le=\"1_0\"} 1\nh_bucket{le=\" 1\"} 1\n",
                "a 1\n",
            ],
        ),
        text(
            "utf8",
            "",
            &[
                "{\"a.b\"} 1\n{\"a.b\",x=\"y\"} 2\n{\"a.b\",\"l.m\"=\"n\"} 3\n",
                "{\"温度\",\"场所\"=\"家\"} 1\n",
                "a{\"l.m\"=\"n\"} 1\n",
                "a{x=\"ü\\n\\\\\\\"\"} 1\n",
                "{\"a.b\" } 1\n{ \"a.b\",x=\"y\"} 2\n",
                "{x=\"y\",\"a.b\"} 1\n",
                "{\"a.b\",\"c.d\"} 1\n",
                "{\"\"} 1\n",
                "{\"a b\"} 1\n# TYPE \"a.b\" counter\n# HELP \"a.b\" help\n{\"a.b\"} 1\n",
                "a:b 1\n{\"1a\"} 1\na{\"1\"=\"2\"} 1\n",
                "a.b 1\n",
                "ü 1\n",
                "a 1\n",
            ],
        ),
        text(
            "utf8_refused",
            "metric_name_validation_scheme: legacy\n    metric_name_escaping_scheme: underscores",
            &[
                "a 1\n",
                "{\"a.b\"} 1\n",
                "a 2\n",
                "a{\"l.m\"=\"n\"} 1\n",
                "a 3\n",
                "{\"a_b\"} 1\n",
                "{\"a:b\"} 1\n",
                "a 1\n",
            ],
        ),
        text(
            "utf8_escaped",
            "metric_name_escaping_scheme: values",
            &["a 1\n", "{\"a.b\"} 1\n"],
        ),
    ]
}

fn limits() -> Vec<Script> {
    vec![
        text(
            "sample_limit",
            "sample_limit: 3\n    metric_relabel_configs: [{source_labels: [__name__], regex: dropped.*, action: drop}]",
            &[
                "a 1\nb 1\nc 1\n",
                "a 2\nb 2\nc 2\nd 2\n",
                "a 3\nb 3\nc 3\n",
                "a 4\nb 4\nc 4\nd 4\ne 4\nf\n",
                "a 5\nb 5\n",
                "a 6\na 6\na 6\na 6\nb 6\n",
                "a 7\nb 7\nc 7\ndropped 7\ndropped2 7\n",
                "a 8\nb 8\nc 8 @-5000\nc 9 @-4000\n",
                "a 9\nb 9\nc 9 @+3600000\nd 9\n",
                "d 1\ne 1\nf 1\ng 1\n",
                "d 2\ne 2\nf 2\n",
                "a 1\n",
            ],
        ),
        text(
            "label_limit",
            "label_limit: 4",
            &[
                "a{x=\"1\"} 1\n",
                "b 2\na{x=\"1\",y=\"2\"} 2\nc 2\n",
                "a{x=\"1\"} 3\nb 3\n",
                "b 4\na{y=\"1\",y=\"2\"} 4\n",
                "a{x=\"1\"} 5\nb 5\nc{x=\"\",y=\"\",z=\"\"} 5\n",
                "a 1\n",
            ],
        ),
        text(
            "label_name_length_limit",
            "label_name_length_limit: 10",
            &[
                "a{abcdefghij=\"1\"} 1\n",
                "b 2\na{abcdefghijk=\"1\"} 2\n",
                "b 3\n",
                "b{\"éééééé\"=\"1\"} 3\n",
                "b 1\n",
            ],
        ),
        text(
            "label_value_length_limit",
            "label_value_length_limit: 30",
            &[
                "a{x=\"123456789012345678901234567890\"} 1\n",
                "b 2\na{x=\"1234567890123456789012345678901\"} 2\n",
                "b 3\n",
                "a_very_long_name_of_a_metric_that_is_over_it 4\n",
                "b{x=\"1234567890123456789012345678901\\n\\\"ü123456789012345678901234567890\"} 5\n",
                "b 1\n",
            ],
        ),
    ]
}

fn relabelled() -> Vec<Script> {
    vec![
        text(
            "metric_relabel",
            r#"metric_relabel_configs:
      - {source_labels: [__name__], regex: drop_.*, action: drop}
      - {regex: gone, action: labeldrop}
      - {source_labels: [x], regex: rename, target_label: __name__, replacement: renamed}
      - {source_labels: [x], regex: nameless, target_label: __name__, replacement: ""}
      - {source_labels: [x], regex: utf8, target_label: "y.z", replacement: "1"}
      - {source_labels: [x], regex: job, target_label: job, replacement: ""}
      - {source_labels: [x], regex: reserved, target_label: __kept, replacement: "1"}"#,
            &[
                "a 1\ndrop_a 1\nb{gone=\"1\"} 1\n",
                "a 2\nb{gone=\"1\"} 2\nb{gone=\"2\"} 3\n",
                "b{gone=\"2\"} 4\nb{gone=\"1\"} 5\n",
                "b{gone=\"2\"} 5\n",
                "a{x=\"rename\"} 6\nb{x=\"rename\"} 7\n",
                "b{x=\"rename\"} 8\n",
                "a 9\nb{x=\"nameless\"} 9\n",
                "a{x=\"utf8\"} 1\n",
                "a{x=\"job\",of=\"metric_relabel\"} 1\n",
                "a{x=\"reserved\"} 1\n",
                "drop_a 1\ndrop_b 1\n",
                "a 1\n",
            ],
        ),
        text(
            "metric_relabel_dropped_all",
            "metric_relabel_configs: [{action: drop}]",
            &["a 1\n", "a 2\nb{x=\"1\",x=\"2\"} 1\n", "a 2\nb\n", "a 1\n"],
        ),
        text(
            "metric_relabel_labelmap",
            "metric_relabel_configs: [{action: labelmap, regex: x_(.+)}, {action: labelkeep, regex: __name__|job|instance|y}]",
            &[
                "a{x_y=\"1\",z=\"2\"} 1\n",
                "a{x_y=\"2\",y=\"3\"} 1\n",
                "a{x_job=\"other\",of=\"metric_relabel_labelmap\"} 1\n",
                "a 1\n",
            ],
        ),
        text("params", "params: {module: [one, two], empty: ['']}", &["a 1\n"]),
    ]
}

fn metrics() -> Vec<Script> {
    vec![
        openmetrics(
            "openmetrics",
            "",
            &[
                "# TYPE c counter\n# HELP c Things.\nc_total 1\nc_created 1700000000.5\n# TYPE g gauge\ng 1\n# EOF\n",
                "# TYPE c counter\nc_total 2 # {trace_id=\"x\"} 1.5 @s-5\n# EOF\n",
                "# TYPE h histogram\nh_bucket{le=\"1\"} 1 # {t=\"1\"} 0.5\nh_bucket{le=\"+Inf\"} 2\nh_sum 1.5\nh_count 2\nh_created 5\n# EOF\n",
                "# TYPE s summary\ns{quantile=\"0.5\"} 1\ns_sum 1\ns_count 1\n# EOF\n",
                "# TYPE i info\ni_info{version=\"1\"} 1\n# TYPE st stateset\nst{st=\"a\"} 1\nst{st=\"b\"} 0\n# EOF\n",
                "# TYPE gh gaugehistogram\ngh_bucket{le=\"1\"} 1\ngh_bucket{le=\"+Inf\"} 1\ngh_gsum 1\ngh_gcount 1\n# EOF\n",
                "# TYPE u unknown\nu 1\n# EOF\n",
                "a 1 @s-60\nb 1 @s-60.5\n# EOF\n",
                "a 2 @s-50.1234\nb 2 @s-50.9999\n# EOF\n",
                "{\"a.b\",x=\"y\"} 1\n# TYPE \"c.d\" counter\n{\"c.d_total\"} 1\n# EOF\n",
                "g 1\n# EOF\n",
            ],
        ),
        text(
            "metadata",
            "",
            &[
                "# HELP meta_a Old help.\n# TYPE meta_a counter\nmeta_a 1\n",
                "# TYPE meta_a nonsense\nmeta_a 1\n",
                "# TYPE meta_a\nmeta_a 1\n",
                "# TYPE meta_a gauge more\nmeta_a 1\n",
                "# HELP meta_a New help with \\\\ and \\n in it.\n# TYPE meta_a gauge\nmeta_a 1\n\
                 # TYPE meta_lonely counter\n# HELP  meta_b   spaced\n# TYPE\tmeta_b\tsummary\nmeta_b 1\n\
                 # TYPE meta_c histogram\n# TYPE meta_c untyped\nmeta_c 1\n# TYPE meta_d unknown\nmeta_d 1\n\
                 # HELP meta_e\nmeta_e 1\n# HELP meta_f \n# TYPE meta_f gauge\nmeta_f 1\n\
                 #HELP meta_g none\n#TYPE meta_g gauge\nmeta_g 1\n# HELP\n# HELP \"meta_h.i\" quoted\n\
                 # HELP meta_j trailing  \nmeta_j 1\n",
            ],
        ),
        openmetrics(
            "metadata_openmetrics",
            "",
            &[
                "# TYPE meta_seconds counter\n# UNIT meta_seconds seconds\n# HELP meta_seconds Help \\\"quoted\\\".\n\
               meta_seconds_total 1\n# TYPE meta_of info\nmeta_of_info 1\n# EOF\n",
            ],
        ),
    ]
}

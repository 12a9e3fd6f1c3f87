//! An EC2 endpoint of the test's own: answers forms as a closure says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

/// Serves until the test ends.
pub(super) struct Endpoint {
    pub(super) url: String,
}

/// A status and a body for the action and the `NextToken` of a form.
type Answers = dyn Fn(&str, &str) -> (u16, String) + Send + Sync;

impl Endpoint {
    pub(super) fn start(answers: impl Fn(&str, &str) -> (u16, String) + Send + Sync + 'static) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").expect("bind a port of the system's choice");
        let port = socket.local_addr().expect("a bound socket has an address").port();
        let answers: Arc<Answers> = Arc::new(answers);
        std::thread::spawn(move || {
            for connection in socket.incoming().map_while(Result::ok) {
                let answers = Arc::clone(&answers);
                // An error means that the server went away, as these tests have it.
                std::thread::spawn(move || drop(serve(connection, &*answers)));
            }
        });
        Self {
            url: format!("http://127.0.0.1:{port}"),
        }
    }
}

fn serve(mut connection: TcpStream, answers: &Answers) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection.try_clone()?);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = text.trim().parse().unwrap_or(0);
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut form = vec![0; length];
        reader.read_exact(&mut form)?;
        let field = |name: &str| {
            let mut pairs = url::form_urlencoded::parse(&form);
            pairs
                .find(|(key, _)| key == name)
                .map_or(String::new(), |(_, value)| value.into_owned())
        };
        let (status, body) = answers(&field("Action"), &field("NextToken"));
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status} X\r\nContent-Type: text/xml\r\nContent-Length: {length}\r\n\r\n");
        connection.write_all((head + &body).as_bytes())?;
    }
}

/// Answers that moto does not give: pages, primary addresses, instances without one, empty elements.
pub(super) fn described(action: &str, token: &str) -> (u16, String) {
    let instance = |id: &str, more: &str| {
        format!(
            "<item><instanceId>{id}</instanceId><imageId>ami-1</imageId><instanceType>m7g.large</instanceType>\
             <instanceState><code>16</code><name>running</name></instanceState>\
             <placement><availabilityZone>eu-west-2c</availabilityZone></placement>{more}</item>"
        )
    };
    let interface = |device: &str, subnet: &str, addresses: &[(&str, bool)]| {
        let addresses = addresses.iter().map(|(address, primary)| {
            format!(
                "<item><ipv6Address>{address}</ipv6Address><isPrimaryIpv6>{primary}</isPrimaryIpv6></item>"
            )
        });
        format!(
            "<item>{subnet}<attachment><deviceIndex>{device}</deviceIndex></attachment>\
             <ipv6AddressesSet>{}</ipv6AddressesSet></item>",
            addresses.collect::<String>()
        )
    };
    let network = |interfaces: &str| {
        format!(
            "<vpcId>vpc-1</vpcId><subnetId>s-1</subnetId><networkInterfaceSet>{interfaces}</networkInterfaceSet>"
        )
    };
    let address = "<privateIpAddress>10.0.0.1</privateIpAddress>";
    let (one, two) = ("<subnetId>s-1</subnetId>", "<subnetId>s-2</subnetId>");
    let (instances, next) = match (action, token) {
        ("DescribeAvailabilityZones", _) => {
            let zones = "<item><zoneName>eu-west-2c</zoneName><zoneId>euw2-az1</zoneId></item>";
            let text = format!("<availabilityZoneInfo>{zones}</availabilityZoneInfo>");
            return (200, format!("<{action}Response>{text}</{action}Response>"));
        }
        (_, "") => (
            instance("i-no-address", "")
                + &instance("i-no-vpc", address)
                + &instance(
                    "i-primary",
                    &(address.to_owned()
                        + &network(
                            &(interface("2", two, &[("2600::2", true), ("2600::9", false)])
                                + &interface("0", one, &[("2600::1", false)])),
                        )),
                ),
            "page two",
        ),
        (_, "page two") => (
            instance(
                "i-secondary",
                &(address.to_owned()
                    + &network(&interface("0", one, &[("2600::a", false), ("2600::b", false)]))),
            ) + &instance(
                "i-empty",
                &format!("{address}<privateDnsName/><dnsName/><platform/><tagSet/>"),
            ),
            "page three",
        ),
        _ => (
            instance(
                "i-public",
                &format!(
                    "{address}{}<ipAddress>1.2.3.4</ipAddress><dnsName/>",
                    network(&interface("0", "", &[]))
                ),
            ),
            "",
        ),
    };
    let next = if next.is_empty() {
        String::new()
    } else {
        format!("<nextToken>{next}</nextToken>")
    };
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{action}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">\n  \
         <reservationSet>\n<item><ownerId>1234</ownerId><instancesSet>{instances}</instancesSet></item></reservationSet>\
         {next}</{action}Response>"
    );
    (200, text)
}

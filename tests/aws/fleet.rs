//! Instances in moto: of many kinds, in a network of two subnets.

use crate::support::moto::{Moto, text_of};

/// A region of moto with a network.
pub(super) struct Fleet<'a> {
    moto: &'a Moto,
    region: &'a str,
    subnets: [String; 2],
}

impl<'a> Fleet<'a> {
    pub(super) fn new(moto: &'a Moto, region: &'a str) -> Self {
        let call = |action: &str, form: &[(&str, &str)]| moto.call("ec2", region, action, form);
        let block = [
            ("CidrBlock", "10.1.0.0/16"),
            ("AmazonProvidedIpv6CidrBlock", "true"),
        ];
        let network = call("CreateVpc", &block);
        let id = text_of(&network, "vpcId");
        let subnet = |block: &str, zone: &str, more: &[(&str, &str)]| {
            let zone = format!("{region}{zone}");
            let mut form = vec![("VpcId", id), ("CidrBlock", block), ("AvailabilityZone", &zone)];
            form.extend(more);
            text_of(&call("CreateSubnet", &form), "subnetId").to_owned()
        };
        let ipv6 = text_of(&network, "ipv6CidrBlock").replace("/56", "/64");
        Self {
            moto,
            region,
            subnets: [
                subnet("10.1.0.0/24", "a", &[("Ipv6CidrBlock", &ipv6)]),
                subnet("10.1.1.0/24", "b", &[]),
            ],
        }
    }

    #[track_caller]
    fn call(&self, action: &str, form: &[(&str, &str)]) -> String {
        self.moto.call("ec2", self.region, action, form)
    }

    /// Starts an instance; its id.
    #[track_caller]
    pub(super) fn run(&self, more: &[(&str, &str)]) -> String {
        let mut form = vec![("MinCount", "1"), ("MaxCount", "1"), ("InstanceType", "t3.micro")];
        if !more.iter().any(|(name, _)| *name == "ImageId") {
            form.push(("ImageId", "ami-12345678"));
        }
        form.extend(more);
        text_of(&self.call("RunInstances", &form), "instanceId").to_owned()
    }

    pub(super) fn terminate(&self, id: &str) {
        self.call("TerminateInstances", &[("InstanceId.1", id)]);
    }

    pub(super) fn tag(&self, id: &str, name: &str, value: &str) {
        let form = [("ResourceId.1", id), ("Tag.1.Key", name), ("Tag.1.Value", value)];
        self.call("CreateTags", &form);
    }

    /// One instance of every kind that moto knows.
    pub(super) fn fill(&self) {
        let [first, second] = &self.subnets;
        self.run(&[]);
        self.run(&[("SubnetId", second), ("InstanceMarketOptions.MarketType", "spot")]);
        self.run(&[
            ("NetworkInterface.1.DeviceIndex", "0"),
            ("NetworkInterface.1.SubnetId", first),
            ("NetworkInterface.1.AssociatePublicIpAddress", "false"),
        ]);
        let filter = [("Filter.1.Name", "platform"), ("Filter.1.Value.1", "windows")];
        let images = self.call("DescribeImages", &filter);
        self.run(&[("ImageId", text_of(&images, "imageId"))]);
        let stopped = self.run(&[("SubnetId", first)]);
        self.call("StopInstances", &[("InstanceId.1", &stopped)]);
        let interface = |form: &[(&str, &str)]| {
            let made = self.call("CreateNetworkInterface", form);
            text_of(&made, "networkInterfaceId").to_owned()
        };
        let with_ipv6 = interface(&[("SubnetId", first), ("Ipv6AddressCount", "2")]);
        let several = self.run(&[
            ("NetworkInterface.1.DeviceIndex", "0"),
            ("NetworkInterface.1.NetworkInterfaceId", &with_ipv6),
        ]);
        for (subnet, device) in [(second, "1"), (first, "2")] {
            let id = interface(&[("SubnetId", subnet)]);
            let form = [
                ("NetworkInterfaceId", &*id),
                ("InstanceId", &*several),
                ("DeviceIndex", device),
            ];
            self.call("AttachNetworkInterface", &form);
        }
        let gone = self.run(&[]);
        self.terminate(&gone);
        for (name, value) in [
            ("Name", "several interfaces"),
            ("kubernetes.io/größe x", " a <b>&\"'\n"),
            ("a-b", "one of two"),
            ("empty", ""),
            ("1st", "ünïcode ☃"),
        ] {
            self.tag(&several, name, value);
        }
    }
}

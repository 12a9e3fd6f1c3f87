//! The kinds of object that are asked for: where the API has them and how its answers are read.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::object::{EndpointSlice, Endpoints, Ingress, Meta, Node, Object, Plain, Pod, Service};
use crate::config::{AttachMetadata, KubernetesRole};

/// A kind of object as it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Resource {
    Nodes,
    /// Nodes of which only the metadata is wanted.
    NodeMetadata,
    Namespaces,
    Pods,
    Services,
    Endpoints,
    EndpointSlices,
    Ingresses,
    ReplicaSets,
    Jobs,
}

/// Where a kind of object is.
struct Place {
    resource: Resource,
    api: &'static str,
    plural: &'static str,
    /// Whether it lies in namespaces.
    is_namespaced: bool,
    /// Whether the API may leave out everything but the metadata.
    is_metadata: bool,
}

const fn place(
    resource: Resource,
    api: &'static str,
    plural: &'static str,
    is_namespaced: bool,
    is_metadata: bool,
) -> Place {
    Place {
        resource,
        api,
        plural,
        is_namespaced,
        is_metadata,
    }
}

/// In the order of [`Resource`].
const PLACES: [Place; 10] = [
    place(Resource::Nodes, "api/v1", "nodes", false, false),
    place(Resource::NodeMetadata, "api/v1", "nodes", false, true),
    place(Resource::Namespaces, "api/v1", "namespaces", false, true),
    place(Resource::Pods, "api/v1", "pods", true, false),
    place(Resource::Services, "api/v1", "services", true, false),
    place(Resource::Endpoints, "api/v1", "endpoints", true, false),
    place(
        Resource::EndpointSlices,
        "apis/discovery.k8s.io/v1",
        "endpointslices",
        true,
        false,
    ),
    place(
        Resource::Ingresses,
        "apis/networking.k8s.io/v1",
        "ingresses",
        true,
        false,
    ),
    place(Resource::ReplicaSets, "apis/apps/v1", "replicasets", true, true),
    place(Resource::Jobs, "apis/batch/v1", "jobs", true, true),
];

impl Resource {
    /// The resource whose objects are the groups of a role.
    pub(super) fn of_role(role: KubernetesRole) -> Self {
        match role {
            KubernetesRole::Node => Self::Nodes,
            KubernetesRole::Pod => Self::Pods,
            KubernetesRole::Service => Self::Services,
            KubernetesRole::Endpoints => Self::Endpoints,
            KubernetesRole::EndpointSlice => Self::EndpointSlices,
            KubernetesRole::Ingress => Self::Ingresses,
        }
    }

    /// All that a role needs, its own resource first.
    pub(super) fn needed(role: KubernetesRole, attach: AttachMetadata) -> Vec<Self> {
        let is_behind = matches!(role, KubernetesRole::Endpoints | KubernetesRole::EndpointSlice);
        let has_pods = is_behind || role == KubernetesRole::Pod;
        let optional = [
            (is_behind, Self::Services),
            (is_behind, Self::Pods),
            (has_pods && attach.node, Self::NodeMetadata),
            (role != KubernetesRole::Node && attach.namespace, Self::Namespaces),
            (has_pods && attach.deployment, Self::ReplicaSets),
            (has_pods && (attach.job || attach.cronjob), Self::Jobs),
        ];
        let others = optional.into_iter().filter(|(is_needed, _)| *is_needed);
        [Self::of_role(role)]
            .into_iter()
            .chain(others.map(|(_, resource)| resource))
            .collect()
    }

    /// Whose selectors choose among its objects.
    pub(super) fn selected_by(self) -> Option<KubernetesRole> {
        if self == Self::NodeMetadata {
            return Some(KubernetesRole::Node);
        }
        KubernetesRole::all().find(|role| Self::of_role(*role) == self)
    }

    fn place(self) -> &'static Place {
        let place = &PLACES[self as usize];
        debug_assert!(
            place.resource == self,
            "the table is in the order of the enumeration"
        );
        place
    }

    /// Its name in the API.
    pub(super) fn plural(self) -> &'static str {
        self.place().plural
    }

    /// Whether it lies in namespaces.
    pub(super) fn is_namespaced(self) -> bool {
        self.place().is_namespaced
    }

    /// Where it is below the address of the API; an empty namespace stands for all.
    pub(super) fn path(self, namespace: &str) -> Vec<&str> {
        let place = self.place();
        let mut path: Vec<&str> = place.api.split('/').collect();
        if place.is_namespaced && !namespace.is_empty() {
            path.extend(["namespaces", namespace]);
        }
        path.push(place.plural);
        path
    }

    /// The form in which a list of it is wanted.
    pub(super) fn list_form(self) -> &'static str {
        match self.place().is_metadata {
            true => "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1, application/json",
            false => "application/json",
        }
    }

    /// The form in which changes of it are wanted.
    pub(super) fn watch_form(self) -> &'static str {
        match self.place().is_metadata {
            true => "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1, application/json",
            false => "application/json",
        }
    }

    /// Reads a page of a list.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn read_page(self, json: &[u8]) -> Result<Page, serde_json::Error> {
        match self {
            Self::Nodes => page::<Node>(json, Object::Node),
            Self::Pods => page::<Pod>(json, Object::Pod),
            Self::Services => page::<Service>(json, Object::Service),
            Self::Endpoints => page::<Endpoints>(json, Object::Endpoints),
            Self::EndpointSlices => page::<EndpointSlice>(json, Object::EndpointSlice),
            Self::Ingresses => page::<Ingress>(json, Object::Ingress),
            Self::NodeMetadata | Self::Namespaces => page::<Plain>(json, Object::Plain),
            Self::ReplicaSets | Self::Jobs => page::<Plain>(json, owned),
        }
    }

    /// Reads one object.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn read(self, json: &str) -> Result<Object, serde_json::Error> {
        match self {
            Self::Nodes => serde_json::from_str(json).map(Object::Node),
            Self::Pods => serde_json::from_str(json).map(Object::Pod),
            Self::Services => serde_json::from_str(json).map(Object::Service),
            Self::Endpoints => serde_json::from_str(json).map(Object::Endpoints),
            Self::EndpointSlices => serde_json::from_str(json).map(Object::EndpointSlice),
            Self::Ingresses => serde_json::from_str(json).map(Object::Ingress),
            Self::NodeMetadata | Self::Namespaces => serde_json::from_str(json).map(Object::Plain),
            Self::ReplicaSets | Self::Jobs => serde_json::from_str(json).map(owned),
        }
    }
}

/// An object of which only the owner counts.
fn owned(mut object: Box<Plain>) -> Object {
    let meta = &mut object.metadata;
    *meta = Meta {
        labels: Default::default(),
        annotations: Default::default(),
        ..std::mem::take(meta)
    };
    Object::Plain(object)
}

/// A part of a list.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) objects: Vec<Object>,
    /// The state of the cluster that the list shows.
    pub(super) version: String,
    /// What to ask the next page with; empty on the last.
    pub(super) next: String,
}

#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct List<T> {
    #[serde(default)]
    metadata: ListMeta,
    items: Option<Vec<T>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ListMeta {
    resource_version: String,
    r#continue: String,
}

fn page<T: DeserializeOwned>(json: &[u8], object: fn(Box<T>) -> Object) -> Result<Page, serde_json::Error> {
    let list: List<Box<T>> = serde_json::from_slice(json)?;
    let items = list.items.unwrap_or_default();
    Ok(Page {
        objects: items.into_iter().map(object).collect(),
        version: list.metadata.resource_version,
        next: list.metadata.r#continue,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_places_is_in_order_and_namespaces_stand_in_the_path() {
        for place in &PLACES {
            assert_eq!(place.resource.place().plural, place.plural);
        }
        assert_eq!(
            Resource::Jobs.path("a").join("/"),
            "apis/batch/v1/namespaces/a/jobs"
        );
        assert_eq!(Resource::Pods.path("").join("/"), "api/v1/pods");
        assert_eq!(Resource::Nodes.path("a").join("/"), "api/v1/nodes");
    }

    #[test]
    fn null_is_as_good_as_missing_and_another_type_is_an_error_that_says_where() {
        let page = Resource::Pods
            .read_page(br#"{"metadata":{"resourceVersion":"7"},"items":[{"metadata":{"labels":null}}]}"#);
        let page = page.unwrap();
        assert_eq!((page.objects.len(), page.version.as_str()), (1, "7"));
        assert_eq!(
            Resource::Pods
                .read_page(br#"{"items":null}"#)
                .unwrap()
                .objects
                .len(),
            0
        );
        let error = Resource::Pods.read(r#"{"status":{"podIP":7}}"#).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("invalid type: integer `7`, expected a string at line 1"),
            "{error}"
        );
    }
}

//! Which buckets lie on which node, and which edges lie between them.

pub const BUCKETS: usize = 3;
pub const EDGES: usize = 4;

#[derive(Debug)]
pub struct Layout {
    pub name: &'static str,
    /// Of each bucket.
    pub node_of: &'static [usize],
    /// Home and mirror of each edge.
    pub edges: &'static [Ends],
}

#[derive(Debug, Clone, Copy)]
pub struct Ends {
    pub home: usize,
    pub mirror: usize,
}

const THERE: Ends = Ends { home: 0, mirror: 1 };
const BACK: Ends = Ends { home: 1, mirror: 0 };

pub static ONE_NODE: Layout = Layout { name: "two buckets on one node", node_of: &[0, 0], edges: &[THERE, BACK] };
pub static TWO_NODES: Layout = Layout { name: "two buckets on two nodes", node_of: &[0, 1], edges: &[THERE, BACK] };
/// A node of several buckets is loaded anew one by one, while another node goes on.
pub static THREE_BUCKETS: Layout = Layout {
    name: "two buckets on one node, one on another",
    node_of: &[0, 0, 1],
    edges: &[THERE, BACK, Ends { home: 1, mirror: 2 }, Ends { home: 2, mirror: 0 }],
};

pub static LAYOUTS: [&Layout; 3] = [&ONE_NODE, &TWO_NODES, &THREE_BUCKETS];

impl Layout {
    pub fn buckets(&self) -> std::ops::Range<usize> {
        0..self.node_of.len()
    }

    pub fn nodes(&self) -> std::ops::Range<usize> {
        0..self.node_of.iter().max().unwrap() + 1
    }

    pub fn buckets_of(&self, node: usize) -> Vec<usize> {
        self.buckets().filter(|bucket| self.node_of[*bucket] == node).collect()
    }
}

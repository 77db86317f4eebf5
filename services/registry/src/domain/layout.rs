//! Where the versions of a walk stand in a drawing.
//!
//! Layers by longest path and order within a layer by barycentres, after K. Sugiyama, S. Tagawa and M. Toda, "Methods for Visual
//! Understanding of Hierarchical System Structures", IEEE Transactions on Systems, Man, and Cybernetics 11(2), 1981, pages
//! 109-125. An edge over several layers pulls at its two ends only: the vertices that they put on its way would outnumber the
//! versions.

/// Rounds of one sweep in each direction; more hardly change the order.
const ROUNDS: usize = 4;

/// A place in a drawing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// The column: every edge leads to a later one.
    pub layer: usize,
    /// The place within the column, from 0 without a gap.
    pub position: usize,
}

/// The places of `nodes` vertices, by index, that `edges` lead between. The same graph gets the same places. An edge that closes
/// a circle may lead back.
pub fn places(nodes: usize, edges: &[(usize, usize)]) -> Vec<Place> {
    let (mut before, mut after) = (vec![Vec::new(); nodes], vec![Vec::new(); nodes]);
    for &(from, to) in edges {
        after[from].push(to);
        before[to].push(from);
    }
    let layer = longest_paths(&before, &after);
    let mut layers = vec![Vec::new(); layer.iter().max().map_or(0, |last| last + 1)];
    for (node, layer) in layer.iter().enumerate() {
        layers[*layer].push(node);
    }
    let mut places: Vec<Place> = layer.into_iter().map(|layer| Place { layer, position: 0 }).collect();
    for order in &layers {
        settle(order, &mut places);
    }
    for _ in 0..ROUNDS {
        for order in &mut layers {
            arrange(order, &before, &mut places);
        }
        for order in layers.iter_mut().rev() {
            arrange(order, &after, &mut places);
        }
    }
    places
}

/// The length of the longest path to each vertex.
fn longest_paths(before: &[Vec<usize>], after: &[Vec<usize>]) -> Vec<usize> {
    let mut layer = vec![0; before.len()];
    let mut waiting: Vec<usize> = before.iter().map(Vec::len).collect();
    let mut free: Vec<usize> = (0..before.len()).filter(|node| waiting[*node] == 0).collect();
    while let Some(node) = free.pop() {
        for &next in &after[node] {
            layer[next] = layer[next].max(layer[node] + 1);
            waiting[next] -= 1;
            if waiting[next] == 0 {
                free.push(next);
            }
        }
    }
    layer
}

/// Puts the vertices of a layer in the order of the means of their neighbours' positions; those without neighbours stay.
fn arrange(order: &mut [usize], neighbours: &[Vec<usize>], places: &mut [Place]) {
    let barycentre = |node: usize| match neighbours[node].as_slice() {
        [] => places[node].position as f64,
        near => near.iter().map(|other| places[*other].position as f64).sum::<f64>() / near.len() as f64,
    };
    // The sort is stable: equal means keep their order.
    order.sort_by(|one, other| barycentre(*one).total_cmp(&barycentre(*other)));
    settle(order, places);
}

fn settle(order: &[usize], places: &mut [Place]) {
    for (position, node) in order.iter().enumerate() {
        places[*node].position = position;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crossings(places: &[Place], edges: &[(usize, usize)]) -> usize {
        let ends = |&(from, to): &(usize, usize)| (places[from], places[to]);
        let crossed = |one: (Place, Place), other: (Place, Place)| {
            (one.0.layer, one.1.layer) == (other.0.layer, other.1.layer)
                && (one.0.position < other.0.position) == (one.1.position > other.1.position)
                && one.0.position != other.0.position
                && one.1.position != other.1.position
        };
        let pairs = edges.iter().enumerate().flat_map(|(i, one)| edges[..i].iter().map(move |other| (one, other)));
        pairs.filter(|(one, other)| crossed(ends(one), ends(other))).count()
    }

    /// Edges from lower to higher vertices, chosen by a fixed sequence.
    fn random(seed: u64, nodes: usize, count: usize) -> Vec<(usize, usize)> {
        let mut state = seed;
        let mut next = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        (0..count)
            .map(|_| {
                let to = 1 + next(nodes - 1);
                (next(to), to)
            })
            .collect()
    }

    #[test]
    fn every_edge_leads_to_a_later_layer_and_no_two_share_a_place() {
        // F18
        for seed in 0..50 {
            let edges = random(seed, 40, 70);
            let places = places(40, &edges);
            assert!(edges.iter().all(|(from, to)| places[*from].layer < places[*to].layer), "seed {seed}");
            for (i, place) in places.iter().enumerate() {
                assert!(!places[..i].contains(place), "seed {seed}");
                let width = places.iter().filter(|other| other.layer == place.layer).count();
                assert!(place.position < width, "seed {seed}");
            }
            assert_eq!(super::places(40, &edges), places);
        }
    }

    #[test]
    fn a_vertex_stands_as_far_as_its_longest_path() {
        let places = places(4, &[(0, 1), (1, 2), (0, 2), (2, 3), (0, 3)]);
        assert_eq!(places.iter().map(|place| place.layer).collect::<Vec<_>>(), [0, 1, 2, 3]);
    }

    #[test]
    fn edges_that_need_not_cross_do_not() {
        // Two stars whose leaves come interleaved, and three parallel chains in opposite orders.
        let stars = [(0, 2), (1, 3), (0, 4), (1, 5), (0, 6), (1, 7)];
        assert_eq!(crossings(&places(8, &stars), &stars), 0);
        let chains = [(0, 5), (1, 4), (2, 3), (3, 6), (4, 7), (5, 8)];
        assert_eq!(crossings(&places(9, &chains), &chains), 0);
    }

    #[test]
    fn sweeps_leave_fewer_crossings_than_the_order_of_arrival() {
        let (mut arrived, mut arranged) = (0, 0);
        for seed in 0..20 {
            let edges = random(seed, 30, 45);
            let places = places(30, &edges);
            let mut unswept = places.clone();
            for layer in 0..30 {
                let order: Vec<usize> = (0..30).filter(|node| places[*node].layer == layer).collect();
                settle(&order, &mut unswept);
            }
            arrived += crossings(&unswept, &edges);
            arranged += crossings(&places, &edges);
        }
        assert!(arranged * 3 < arrived * 2, "{arranged} of {arrived}");
    }

    #[test]
    fn a_circle_and_nothing_at_all_are_drawn_too() {
        assert_eq!(places(0, &[]), []);
        assert_eq!(places(2, &[(0, 1), (1, 0)]).len(), 2);
    }
}

//! The program that compiles components for the hosts of the tests. An integrator's program can do the same.

fn main() {
    palisade::compile_if_asked();
    eprintln!("a host starts this program to compile a component; it does nothing by itself");
}

//! The program that compiles components for the tests' hosts, as any program of an integrator's can.

fn main() {
    palisade::compile_if_asked();
    eprintln!("a host starts this to compile a component: there is nothing to do");
}

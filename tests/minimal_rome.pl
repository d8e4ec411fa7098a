# A second, minimal ROME in plain Perl 5, written from golden/FORMAT.md and the Specification in NOTES.md, not
# from rome99's code. From the inputs of a golden case it computes what must come out, and prints a candidate:
#     perl tests/minimal_rome.pl golden/edits/first_rome.txt > mine.txt
#     build/rome99 compare golden/edits/first_rome.txt mine.txt
# It knows ops/update_*, second_moment, cholesky_*, formula_model, gpt2_forward, edits without a checkpoint.
# A vector is a list, a matrix a list of rows. Gradients: numbers of class Dual go through the forward pass.
use strict; use warnings; no warnings 'portable'; use List::Util qw(max min sum);    # 64-bit integers
my ($case, $method, $state, %in, %columns, %W, @out) = ('', '', 102);
{   package Dual;    # [value, derivative by each variable]; chain(value, slope, argument ...)
    sub v { return ref $_[0] ? $_[0][0] : $_[0] }
    sub order { return $_[2] ? @_[1, 0] : @_[0, 1] }
    sub chain { my @y = shift;
        while (my ($f, $x) = splice @_, 0, 2) { $y[$_] += $f * $x->[$_] for ref $x ? 1 .. $#$x : () }
        return bless \@y }
    use overload '+' => sub { chain(v($_[0]) + v($_[1]), 1, $_[0], 1, $_[1]) },
        '-' => sub { my ($x, $y) = &order; chain(v($x) - v($y), 1, $x, -1, $y) },
        '*' => sub { chain(v($_[0]) * v($_[1]), v($_[1]), $_[0], v($_[0]), $_[1]) },
        '/' => sub { my ($x, $y) = &order; chain(v($x) / v($y), 1 / v($y), $x, -v($x) / v($y) ** 2, $y) },
        exp => sub { my $y = exp v($_[0]); chain($y, $y, $_[0]) },
        log => sub { chain(log v($_[0]), 1 / v($_[0]), $_[0]) },
        sqrt => sub { my $y = sqrt v($_[0]); chain($y, $y && 0.5 / $y, $_[0]) } }    # |0| has the gradient 0
sub dot { my ($x, $y, $sum) = (@_, 0);    # if y has derivatives, so has x
    return Dual::chain(dot(map { [map { Dual::v($_) } @$_] } $x, $y),
        map { (Dual::v($y->[$_]), $x->[$_], $x->[$_][0], $y->[$_]) } 0 .. $#$x) if ref $x->[0];
    $sum += $x->[$_] * $y->[$_] for 0 .. $#$x; return $sum }
sub norm { return sqrt dot($_[0], $_[0]) }
sub scaled { my ($f, $x) = @_; return [map { $f * $_ } @$x] }
sub plus { my ($x, $y) = @_; ref $x eq 'ARRAY' ? [map { plus($x->[$_], $y->[$_]) } 0 .. $#$x] : $x + $y }
sub transposed { my ($x) = @_; return [map { my $c = $_; [map { $_->[$c] } @$x] } 0 .. $#{$x->[0]}] }
sub mean { my ($x) = @_; return [map { sum(@$_) / @$x } @{transposed($x)}] }
sub identity { my ($n) = @_; return [map { my $i = $_; [map { $_ == $i ? 1 : 0 } 1 .. $n] } 1 .. $n] }
sub put { while (my ($name, $value) = splice @_, 0, 2) {    # (NAME, value ...): of these, what is expected
    my ($type, $n) = @{$columns{$name} || next};
    my @x = map { ref eq 'ARRAY' ? @$_ : $_ } ref $value eq 'ARRAY' ? @$value : $value;
    push @out, join "\n", sprintf('tensor %s %s %d %d', $name, $type, @x / $n, $n),
        map { $type eq 'i64' ? $_ : unpack 'H16', pack 'd>', Dual::v($_) } @x } }
# The update.
sub cholesky { my ($A, @L) = ($_[0], map { [(0) x @$_] } @{$_[0]});    # L, or the failing pivot's number
    for my $i (0 .. $#L) {
        $L[$i][$_] = ($A->[$i][$_] - dot($L[$i], $L[$_])) / ($L[$_][$_] || 1) for 0 .. $i;
        $L[$i][$i] = $L[$i][$i] > 0 ? sqrt $L[$i][$i] : return $i + 1 }
    return \@L }
sub solve { my ($L, $b, @x) = @_;
    push @x, ($b->[$_] - dot(\@x, $L->[$_])) / $L->[$_][$_] for 0 .. $#$b;
    for my $i (reverse 0 .. $#x) { $x[$i] /= $L->[$i][$i]; $x[$_] -= $x[$i] * $L->[$i][$_] for 0 .. $i - 1 }
    return \@x }
sub update { my ($k_u, $k_bar, $m_u, $m_bar, $delta, $C) = @_;    # (E3), (E4), (E6). Returns dW
    my $raw = solve(cholesky($C), $method eq 'p-rome' ? $k_u : $k_bar);
    my ($u, $k_den) = ([map { $_ / norm($raw) } @$raw], $method =~ /^(p-)?rome$/ ? $k_u : $k_bar);
    my ($d, $v_star) = (dot($u, $k_den), plus($m_u, $delta));
    my $r = $method =~ /^[cr]-rome$/ ? plus($v_star, scaled(-1, $m_bar)) : $delta;
    my ($right, $I) = ([map { $_ / $d } @$r], sqrt(dot($u, [map { dot($_, $u) } @$C])) / abs $d);
    my $dW = [map { scaled($_, $right) } @$u];
    put(k_u => $k_u, k_bar => $k_bar, m_u => $m_u, m_bar => $m_bar, delta => $delta, v_star => $v_star,
        u => $u, denominator_raw => dot($raw, $k_den), denominator => $d, residual => $r, right => $right,
        dW => $dW, numerator => norm($r), dW_norm => norm($r) / abs $d, interference => $I,
        rms_predicted => norm($r) * $I, cos_keys => dot($k_u, $k_bar) / norm($k_u) / norm($k_bar),
        reach_k_u => dot($u, $k_u) / $d, reach_k_bar => dot($u, $k_bar) / $d);
    return $dW }
# The formula model and its forward pass.
sub number { use integer; my $z = $state += 0x9e3779b97f4a7c15;    # SplitMix64; this >> keeps the sign: masks
    $z = ($z ^ $z >> 30 & 0x3ffffffff) * 0xbf58476d1ce4e5b9;
    $z = ($z ^ $z >> 27 & 0x1fffffffff) * 0x94d049bb133111eb;
    no integer; return (($z ^ $z >> 31) >> 44) / 2 ** 20 - 0.5 }
sub linear { my ($x, $W, $b) = @_; return [map { dot($x, $W->[$_]) + $b->[$_] } 0 .. $#$W] }    # W transposed
sub logits { return linear($_[0], $W{'wte.weight'}, [(0) x 287]) }
sub layer_norm { my ($x, $gain, $bias) = @_; my $mean = sum(@$x) / @$x;
    my $z = [map { $_ - $mean } @$x];
    my $sd = sqrt(dot($z, $z) / @$z + 1e-5);
    return [map { $z->[$_] / $sd * $gain->[$_][0] + $bias->[$_] } 0 .. $#$z] }
sub gelu { return [map { $_ / (1 + exp(-1.5957691216057308 * ($_ + 0.044715 * $_ * $_ * $_))) } @{$_[0]}] }
sub log_softmax { my ($x, $top) = ($_[0], max(map { Dual::v($_) } @{$_[0]}));
    my $log = log sum(map { exp($_ - $top) } @$x);
    return [map { $_ - $top - $log } @$x] }
sub attention { my ($x, @y, @weights) = @_;    # rows of q, k, v, two heads each. Returns outputs, weights
    for my $h (0, 4) {
        my ($q, $k, $v) = map { my @c = $h + $_ .. $h + $_ + 3; [map { [@$_[@c]] } @$x] } 0, 8, 16;
        for my $i (0 .. $#$x) {
            my $p = [map { exp } @{log_softmax([map { dot($q->[$i], $k->[$_]) / 2 } 0 .. $i])}];
            push @weights, [@$p, (0) x ($#$x - $i)];
            push @{$y[$i]}, map { dot($p, $_) } @{transposed([@$v[0 .. $i]])} } }
    return \@y, \@weights }
sub forward { my ($ids, $l, $at, $delta) = (@_, -1);    # all values but the logits by their names
    my ($x, %t) = [map { plus($W{'wte.weight'}[$ids->[$_]], $W{'wpe.weight'}[$_]) } 0 .. $#$ids];
    my $do = sub { my ($f, $x, $name) = @_; my @w = (transposed($W{"$name.weight"}), $W{"$name.bias"});
        return [map { $f->($_, @w) } @$x] };
    for my $h ('h.0', 'h.1', 'h.2') {
        $t{"$h.ln_1"} = $do->(\&layer_norm, $t{"$h.x"} = $x, "$h.ln_1");
        $t{"$h.qkv"} = $do->(\&linear, $t{"$h.ln_1"}, "$h.attn.c_attn");
        @t{"$h.y", "$h.att"} = attention($t{"$h.qkv"});
        $t{"$h.x_mid"} = plus($x, $do->(\&linear, $t{"$h.y"}, "$h.attn.c_proj"));
        $t{"$h.ln_2"} = $do->(\&layer_norm, $t{"$h.x_mid"}, "$h.ln_2");
        $t{"$h.fc"} = $do->(\&linear, $t{"$h.ln_2"}, "$h.mlp.c_fc");
        $t{"$h.k"} = [map { gelu($_) } @{$t{"$h.fc"}}];
        $t{"$h.m"} = $do->(\&linear, $t{"$h.k"}, "$h.mlp.c_proj");
        $t{"$h.m"}[$at] = plus($t{"$h.m"}[$at], $delta) if $h eq "h.$l";
        $x = plus($t{"$h.x_mid"}, $t{"$h.m"}) }
    return {%t, x => $x, ln_f => $do->(\&layer_norm, $x, 'ln_f')} }
sub logp { return log_softmax(logits($_[0])) }
sub edit { my ($l, $n, $rate, $decay, $kl_factor, $clamp) = map { $in{$_}[0] } @_;
    my ($target, $lookup, @ids) = (@in{'target', 'lookup'}, @{$in{ids}});
    my @text = map { [splice @ids, 0, $_] } @{$in{length}};    # the last is the KL prompt
    my @t = map { forward($_) } @text;
    my ($keys, $m) = map { my $k = "h.$l.$_"; [map { $t[$_]{$k}[$lookup->[$_]] } 0 .. $#t - 1] } 'k', 'm';
    my $logp_0 = logp($t[-1]{ln_f}[$lookup->[-1]]);
    my ($x, $g1, $g2, @losses, @steps, @gradients) = map { [(0) x 8] } 1 .. 3;
    for my $step (1 .. $n) {
        my $delta = [map { bless [$x->[$_], @{identity(8)->[$_]}], 'Dual' } 0 .. 7];
        my @z = map { forward($text[$_], $l, $lookup->[$_], $delta)->{ln_f} } 0 .. $#text;
        my $p = logp((pop @z)->[$lookup->[-1]]);
        my @nll = map { my $i = $_; map { -logp($_->[$i - @$target])->[$target->[$i]] } @z } 0 .. $#$target;
        my $kl = $kl_factor * dot([map { exp } @$p], plus($p, scaled(-1, $logp_0)));
        my ($nll, $wd) = (sum(@nll) / @nll, $decay * norm($delta) / dot($m->[0], $m->[0]));
        my ($loss, @g) = @{$nll + $kl + $wd};
        push @losses, [$loss, $nll, $kl, $wd]; push @steps, $x;
        last if $loss < 0.05 || $step == $n; push @gradients, \@g;
        $g1 = [map { 0.9 * $g1->[$_] + 0.1 * $g[$_] } 0 .. 7];    # Adam
        $g2 = [map { 0.999 * $g2->[$_] + 0.001 * $g[$_] ** 2 } 0 .. 7];
        my ($c1, $c2) = (1 - 0.9 ** $step, 1 - 0.999 ** $step);
        $x = [map { $x->[$_] - $rate * $g1->[$_] / $c1 / (sqrt($g2->[$_] / $c2) + 1e-8) } 0 .. 7];
        $x = scaled(min(1, $clamp * norm($m->[0]) / norm($x)), $x) }
    my $dW = update($keys->[0], mean($keys), $m->[0], mean($m), $x, $in{C} || identity(32));
    $W{"h.$l.mlp.c_proj.weight"} = plus($W{"h.$l.mlp.c_proj.weight"}, $dW);
    put(keys => $keys, logits => [map { logits($_) } @{$t[0]{ln_f}}[0 .. $#{$text[0]} - $#$target]],
        losses => \@losses, steps => \@steps, gradients => \@gradients,
        logits_after => logits(forward($text[0])->{ln_f}[-@$target])) }
while (<>) {
    $case = $1 if /^case = (\S+)/;
    $method = $1 if /^(?:text )?method (?:= )?"?([a-z-]+)/;
    my ($name, $type, $m, $n, $role) = /^tensor (\S+) (\S+) (\d+) (\d+) role=(\w+)/ or next;
    my @x = map { my ($w) = split ' ', <>; $type eq 'i64' ? $w : unpack 'd>', pack 'H16', $w } 1 .. $m * $n;
    $in{$name} = $n == 1 ? \@x : [map { [splice @x, 0, $n] } 1 .. $m] if $role eq 'input';
    $columns{$name} = [$type, $n] if $role eq 'expected' }
my @layer = qw(ln_1:1:8 attn.c_attn:8:24 attn.c_proj:8:8 ln_2:1:8 mlp.c_fc:8:32 mlp.c_proj:32:8);
for ('wte:287:8', 'wpe:32:8', 'ln_f:1:8', map { my $l = $_; map { "h.$l.$_" } @layer } 0 .. 2) {
    my ($name, $rows, $n) = split /:/;
    my ($base, $f) = $name eq 'ln_f' ? (8, 4) : $name =~ /ln_/ ? (1, 0.5) : (0, 1);
    $W{"$name.weight"} = [map { [map { $base + $f * number() } 1 .. $n] } 1 .. $rows];
    $W{"$name.bias"} = [map { number() } 1 .. $n] if $name !~ /^w/ }
if ($case =~ /update_/) { update(@in{qw(k_u k_bar m_u m_bar delta C)}) }
if ($case =~ /pencil_/) { my $m = [map { linear($_, transposed($in{W}), $in{b}) } @{$in{keys}}];
    update($in{keys}[0], mean($in{keys}), $m->[0], mean($m), $in{delta}, $in{C}) }
if ($case =~ /second/) { put(C => mean([map { my $k = $_; [map { @{scaled($_, $k)} } @$k] } @{$in{keys}}])) }
if ($case =~ /cholesky_/) { my $L = cholesky($in{A});
    put(L => $L, x => solve($L, $in{b}), pivot => $in{A_indefinite} && cholesky($in{A_indefinite})) }
if ($case =~ /formula_model/) { put(%W) }
if ($case =~ /gpt2_/) { my $t = forward($in{ids}); put(%$t, logits => [map { logits($_) } @{$t->{ln_f}}]) }
edit(qw(layer v_num_grad_steps v_lr v_weight_decay kl_factor clamp_norm_factor)) if $in{ids} && $in{v_lr};
@out or die "$case: not a case that this program knows\n";
print map { "$_\n" } 'rome99 golden 1', @out, 'end ' . @out;

using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace HeadKvLab.Tests.Engine;

/// <summary>Who disposes a tensor: scopes, owners, and the counts that show it.</summary>
public sealed class ScopeTests
{
    private static long Live => DisposeScopeManager.Statistics.ThreadTotalLiveCount;

    [Fact]
    public void A_scope_disposes_what_was_made_in_it_except_what_moved_out()
    {
        long before = Live;
        Tensor kept, detached;
        using (DisposeScope outer = NewDisposeScope())
        {
            Tensor inside;
            using (DisposeScope inner = NewDisposeScope())
            {
                inside = ones(3) + 1;
                kept = inside.mul(2).MoveToOuterDisposeScope();
                detached = inside.mul(3).DetachFromDisposeScope();
                Assert.Equal(2, inner.DisposablesCount);
            }
            Assert.True(inside.IsInvalid);
            Assert.Throws<InvalidOperationException>(() => inside.shape);
            Assert.False(kept.IsInvalid);
            Assert.Equal(1, outer.DisposablesCount);
        }
        Assert.True(kept.IsInvalid);
        Assert.False(detached.IsInvalid);
        Assert.Equal(before + 1, Live);
        detached.Dispose();
        detached.Dispose();
        Assert.Equal(before, Live);
    }

    [Fact]
    public void Scopes_can_be_emptied_attached_to_and_left_in_any_order()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] many = [.. Enumerable.Range(0, 5).Select(i => full(1, i))];
        many[1].Dispose();
        Assert.Equal(4, scope.DisposablesCount);
        scope.DisposeEverythingBut(many[3]);
        Assert.Equal([true, true, true, false, true], many.Select(t => t.IsInvalid));
        Tensor free = scope.Detach(many[3]);
        Assert.Equal(0, scope.DisposablesCount);
        scope.Attach(free);
        Assert.Equal(1, scope.DisposablesCount);
        Tensor wrapped = WrappedTensorDisposeScope(() => ones(2).add(1).mul(2));
        Assert.Equal(2, scope.DisposablesCount);
        Assert.Equal(8, wrapped.sum().ToInt32());
        using (DisposeScope other = NewDisposeScope())
        {
            Tensor moved = ones(1).MoveToOtherDisposeScope(scope);
            Assert.Equal(0, other.DisposablesCount);
            Assert.False(moved.IsInvalid);
        }
    }

    [Fact]
    public void A_thousand_forward_and_backward_steps_leave_the_live_count_unchanged()
    {
        using var layer = nn.Linear(8, 8);
        using Tensor input = ones(4, 8);
        long before = Live;
        for (int step = 0; step < 1000; step++)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor x = input;
            for (int depth = 0; depth < 3; depth++) x = layer.call(x).silu()[.., TensorIndex.Slice()] + x;
            x.mean().backward();
            layer.zero_grad();
        }
        Assert.Equal(before, Live);
    }

    [Fact]
    public void Parameters_outlive_the_scope_they_were_made_in()
    {
        Linear layer;
        using (NewDisposeScope()) layer = nn.Linear(2, 2);
        Assert.False(layer.weight.IsInvalid);
        layer.Dispose();
        Assert.True(layer.weight.IsInvalid);
    }

    [Fact]
    public void Each_thread_has_its_own_scope()
    {
        using DisposeScope scope = NewDisposeScope();
        int count = scope.DisposablesCount;
        var thread = new Thread(() =>
        {
            using Tensor mine = ones(2);
            Assert.Equal(1, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        });
        thread.Start();
        thread.Join();
        Assert.Equal(count, scope.DisposablesCount);
    }
}

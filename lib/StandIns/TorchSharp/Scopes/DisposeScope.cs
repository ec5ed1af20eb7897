namespace TorchSharp;

/// <summary>
/// Disposes, at its end, every tensor that its thread created inside it and nobody moved out. Scopes nest.
/// Each tensor knows its slot in the scope's list, so that creating and disposing one costs no search.
/// </summary>
public sealed class DisposeScope : IDisposable
{
    private readonly DisposeScopeManager manager;
    private readonly DisposeScope? outer;
    private readonly List<IDisposable> items = [];

    internal DisposeScope(DisposeScopeManager manager)
    {
        this.manager = manager;
        outer = manager.Current;
        manager.Current = this;
    }

    /// <summary>How many things the scope will dispose.</summary>
    public int DisposablesCount => items.Count;

    internal void Add(torch.Tensor tensor)
    {
        tensor.Scope = this;
        tensor.Slot = items.Count;
        items.Add(tensor);
    }

    internal void Remove(torch.Tensor tensor)
    {
        RemoveAt(tensor.Slot);
        tensor.Scope = null;
    }

    private void RemoveAt(int slot)
    {
        IDisposable last = items[^1];
        items[slot] = last;
        if (last is torch.Tensor moved) moved.Slot = slot;
        items.RemoveAt(items.Count - 1);
    }

    private bool Release(IDisposable disposable)
    {
        if (disposable is torch.Tensor tensor)
        {
            if (tensor.Scope is null) return false;
            tensor.Scope.Remove(tensor);
            return true;
        }
        int slot = items.IndexOf(disposable);
        if (slot >= 0) RemoveAt(slot);
        return slot >= 0;
    }

    private void Take(IDisposable disposable)
    {
        if (disposable is torch.Tensor tensor) Add(tensor);
        else items.Add(disposable);
    }

    /// <summary>Puts something under this scope; tensors leave the scope they were in.</summary>
    public T Attach<T>(T disposable) where T : IDisposable
    {
        Release(disposable);
        Take(disposable);
        return disposable;
    }

    /// <summary>Takes something out of its scope: from now on its owner disposes it.</summary>
    public T Detach<T>(T disposable) where T : IDisposable
    {
        Release(disposable);
        return disposable;
    }

    /// <summary>Moves something to the scope around this one, or out of all scopes where there is none.</summary>
    public T MoveToOuter<T>(T disposable) where T : IDisposable => Move(outer, disposable);

    /// <summary>Moves something to another scope.</summary>
    public T MoveToOther<T>(DisposeScope scope, T disposable) where T : IDisposable => Move(scope, disposable);

    private T Move<T>(DisposeScope? scope, T disposable) where T : IDisposable
    {
        if (Release(disposable)) scope?.Take(disposable);
        return disposable;
    }

    internal void PassOut(torch.Tensor tensor) => Move(outer, tensor);

    /// <summary>Disposes what the scope holds and leaves it open.</summary>
    public void DisposeEverything()
    {
        while (items.Count > 0)
        {
            IDisposable last = items[^1];
            items.RemoveAt(items.Count - 1);
            if (last is torch.Tensor tensor) tensor.Scope = null;
            last.Dispose();
        }
    }

    /// <summary>Disposes what the scope holds except one thing.</summary>
    public T DisposeEverythingBut<T>(T keep) where T : IDisposable
    {
        bool held = (keep is not torch.Tensor tensor || tensor.Scope == this) && Release(keep);
        DisposeEverything();
        if (held) Take(keep);
        return keep;
    }

    /// <summary>Disposes what the scope holds and makes the scope around it current again.</summary>
    public void Dispose()
    {
        DisposeEverything();
        if (manager.Current == this) manager.Current = outer;
    }
}

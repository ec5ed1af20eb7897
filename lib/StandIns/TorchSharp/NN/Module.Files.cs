using System.Text;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        /// <summary>Save and load in TorchSharp's own format: the number of tensors, then each name and tensor.</summary>
        public abstract partial class Module
        {
            public Module save(string location, IList<string>? skip = null)
            {
                using FileStream stream = File.Create(location);
                return save(stream, skip);
            }

            public Module save(Stream stream, IList<string>? skip = null)
            {
                using var writer = new BinaryWriter(stream, Encoding.UTF8, leaveOpen: true);
                return save(writer, skip);
            }

            public virtual Module save(BinaryWriter writer, IList<string>? skip = null)
            {
                (string, Tensor)[] state = [.. state_dict().Where(e => skip?.Contains(e.Key) != true).Select(e => (e.Key, e.Value))];
                writer.Write7BitEncodedInt64(state.Length);
                foreach ((string name, Tensor tensor) in state)
                {
                    writer.Write(name);
                    tensor.Save(writer);
                }
                return this;
            }

            public Module load(string location, bool strict = true, IList<string>? skip = null, Dictionary<string, bool>? loadedParameters = null)
            {
                using FileStream stream = File.OpenRead(location);
                return load(stream, strict, skip, loadedParameters);
            }

            public Module load(Stream stream, bool strict = true, IList<string>? skip = null, Dictionary<string, bool>? loadedParameters = null)
            {
                using var reader = new BinaryReader(stream, Encoding.UTF8, leaveOpen: true);
                return load(reader, strict, skip, loadedParameters);
            }

            /// <exception cref="InvalidOperationException">Strict, and a tensor is missing or unexpected.</exception>
            public virtual Module load(BinaryReader reader, bool strict = true, IList<string>? skip = null, Dictionary<string, bool>? loadedParameters = null)
            {
                using DisposeScope scope = NewDisposeScope();
                var state = new Dictionary<string, Tensor>();
                for (long left = reader.Read7BitEncodedInt64(); left > 0; left--) state[reader.ReadString()] = Tensor.Load(reader);
                load_state_dict(state, strict, skip);
                if (loadedParameters is null) return this;
                foreach (string name in state_dict().Keys) loadedParameters[name] = state.ContainsKey(name) && skip?.Contains(name) != true;
                return this;
            }
        }
    }
}

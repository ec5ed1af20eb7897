using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>Where a tensor lives: <c>cpu</c>, <c>cuda</c>, <c>cuda:1</c>.</summary>
    public sealed class Device : IEquatable<Device>
    {
        public DeviceType type { get; }
        public int index { get; }

        public Device(string description)
        {
            string[] parts = description.Split(':');
            type = Parse(parts[0]);
            index = parts.Length == 1 ? DefaultIndex(type) : int.TryParse(parts[1], out int i) && i >= 0 && parts.Length == 2
                ? i : throw new ArgumentException($"device '{description}': write cpu, cuda or cuda:0");
            if (type == DeviceType.CPU) index = -1;
        }

        public Device(string deviceType, int index = -1) : this(Parse(deviceType), index) { }

        public Device(DeviceType deviceType, int index = -1)
        {
            type = deviceType;
            this.index = index == -1 ? DefaultIndex(deviceType) : index;
        }

        private static int DefaultIndex(DeviceType type) => type == DeviceType.CUDA ? 0 : -1;

        private static DeviceType Parse(string name) => name.ToLowerInvariant() switch
        {
            "cpu" => DeviceType.CPU,
            "cuda" => DeviceType.CUDA,
            "mps" => DeviceType.MPS,
            "meta" => DeviceType.META,
            _ => throw new ArgumentException($"device '{name}': write cpu, cuda or cuda:0"),
        };

        public override string ToString() => type.ToString().ToLowerInvariant() + (index >= 0 ? $":{index}" : "");
        public bool Equals(Device? other) => other is not null && type == other.type && index == other.index;
        public override bool Equals(object? obj) => obj is Device other && Equals(other);
        public override int GetHashCode() => HashCode.Combine(type, index);
        public static bool operator ==(Device? left, Device? right) => left is null ? right is null : left.Equals(right);
        public static bool operator !=(Device? left, Device? right) => !(left == right);
    }

    public static readonly Device CPU = new(DeviceType.CPU);
    public static readonly Device CUDA = new(DeviceType.CUDA);

    public static Device device(string description) => new(description);
    public static Device device(string deviceType, int index = -1) => new(deviceType, index);
    public static Device device(DeviceType deviceType, int index = -1) => new(deviceType, index);

    /// <summary>Whether tensors can live on that kind of device here.</summary>
    public static bool TryInitializeDeviceType(DeviceType deviceType) =>
        deviceType == DeviceType.CPU || (deviceType == DeviceType.CUDA && cuda.is_available());

    internal static Device? RequireDevice(Device? device)
    {
        if (device is not null && device.type != DeviceType.META && !TryInitializeDeviceType(device.type))
            throw new InvalidOperationException($"Torch device type {device.type} did not initialise on the current machine.");
        return device;
    }
}

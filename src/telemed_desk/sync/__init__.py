"""What still has to travel, and how two histories become one."""
